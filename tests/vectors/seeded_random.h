// Repeatable randomness: a failing test prints the seed.
#pragma once

#include <cstdint>
#include <random>
#include <vector>

#include "crypto/random.h"

namespace warren::test {

class SeededRandom final : public crypto::RandomSource {
  public:
    explicit SeededRandom(std::uint64_t seed) : engine_(seed) {}

    void fill(MutableBytes out) override {
        for (std::uint8_t& octet : out) octet = static_cast<std::uint8_t>(engine_() >> 32);
    }
    // Uniform in 0..limit - 1; limit > 0.
    [[nodiscard]] std::uint64_t below(std::uint64_t limit) {
        return std::uniform_int_distribution<std::uint64_t>(0, limit - 1)(engine_);
    }
    [[nodiscard]] std::vector<std::uint8_t> bytes(std::size_t size) {
        std::vector<std::uint8_t> out(size);
        fill(out);
        return out;
    }

  private:
    std::mt19937_64 engine_;
};

}  // namespace warren::test
