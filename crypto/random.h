// Randomness as an argument: pure code gets a RandomSource, production passes SystemRandom, tests a seeded one.
#pragma once

#include "base/bytes.h"

namespace warren::crypto {

class RandomSource {
  public:
    virtual ~RandomSource() = default;
    // Fills all of `out`.
    virtual void fill(MutableBytes out) = 0;
};

// The kernel's generator (getrandom through libsodium). Any thread.
class SystemRandom final : public RandomSource {
  public:
    void fill(MutableBytes out) override;
};

}  // namespace warren::crypto
