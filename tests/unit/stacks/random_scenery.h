// Random customers, and random states of the kernel to start from. Everything follows from the seed.
#pragma once

#include <random>

#include "fake_kernel.h"
#include "scenery.h"

namespace warren::stacks {

class RandomScenery {
  public:
    explicit RandomScenery(std::uint32_t seed) : random_(seed) {}

    [[nodiscard]] config::Customer customer();
    // An uplink with bridges and devices, some of them missing.
    void furnish(FakeKernel& kernel);
    // Leaves a stack of ours behind in any condition, or none.
    void disturb(FakeKernel& kernel, const DesiredStack& desired);

  private:
    [[nodiscard]] bool chance(unsigned percent) { return random_() % 100 < percent; }
    template <typename T>
    [[nodiscard]] const T& pick(const std::vector<T>& from) {
        return from[random_() % from.size()];
    }
    [[nodiscard]] std::vector<Prefix> some(const std::vector<std::string>& texts, unsigned percent);
    [[nodiscard]] config::Handoff some_handoff();
    void add_handoff(FakeKernel& kernel, FakeStack& stack, const DesiredStack& desired);

    std::mt19937 random_;
};

}  // namespace warren::stacks
