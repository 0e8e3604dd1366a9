// Slows down who guesses at a secret. PURE.
#pragma once

#include <algorithm>
#include <chrono>

#include "base/time.h"

namespace warren {

// So many mistakes are free, then each costs a pause, doubled from the first to the last. What comes in a pause is not
// looked at, and does not lengthen it.
class Mistakes {
  public:
    static constexpr Duration kPauseLeast = std::chrono::seconds(1);
    static constexpr Duration kPauseMost = std::chrono::minutes(1);
    static constexpr Duration kForgotten = std::chrono::minutes(15);  // after the latest

    [[nodiscard]] bool is_paused(Instant now) const { return now < paused_until_; }
    [[nodiscard]] bool is_forgotten(Instant now) const { return now - latest_ >= kForgotten; }
    void note(Instant now, unsigned free) {
        if (is_forgotten(now)) count_ = 0;
        latest_ = now;
        if (++count_ <= free) return;
        constexpr unsigned kMostDoublings = 6;
        const unsigned doublings = std::min(count_ - free - 1, kMostDoublings);
        paused_until_ = now + std::min(kPauseLeast * (1U << doublings), kPauseMost);
    }
    void clear() { *this = {}; }

  private:
    unsigned count_ = 0;
    Instant latest_ = kLongAgo;
    Instant paused_until_ = kLongAgo;
};

}  // namespace warren
