// So many a second, with a burst: the arithmetic under every limiter here (the generic cell rate algorithm, ITU-T I.371).
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "base/time.h"

namespace warren::wireguard {

struct Rate {
    std::uint32_t per_second = 1;
    std::uint32_t burst = 1;

    [[nodiscard]] Duration cost() const { return Duration(std::chrono::seconds(1)) / per_second; }
    // How far ahead of the clock a full burst runs.
    [[nodiscard]] Duration ahead() const { return cost() * (burst - 1); }
};

// Full when it is new.
class TokenBucket {
  public:
    // One token, if there is one.
    [[nodiscard]] bool take(Instant now, Rate rate) {
        const Instant due = std::max(due_, now);
        if (due - now > rate.ahead()) return false;
        due_ = due + rate.cost();
        return true;
    }
    // The next token, and when it is there: now, or later.
    [[nodiscard]] Instant reserve(Instant now, Rate rate) {
        const Instant due = std::max(due_, now);
        due_ = due + rate.cost();
        return std::max(now, due - rate.ahead());
    }

    // Nothing was taken that is not made up for.
    [[nodiscard]] bool full(Instant now) const { return due_ <= now; }

  private:
    Instant due_ = kLongAgo;  // when the next token would come, were none ever saved up
};

}  // namespace warren::wireguard
