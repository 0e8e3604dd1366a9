// How much may pass in a time: the arithmetic under every limit of the data path (the generic cell rate algorithm, ITU-T I.371).
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "base/time.h"

namespace warren::dataplane {

// Counts in time: what passes has a price, the time in which the bucket earns it again; a full bucket has `depth` saved up. What passes may
// cost more than is there, and is owed then: so the rate holds in the long run whatever the sizes. Full when it is new. One thread.
class TokenBucket {
  public:
    [[nodiscard]] bool is_open(Instant now) const { return paid_until_ <= now; }
    void charge(Instant now, Duration price, Duration depth) { paid_until_ = std::max(paid_until_, now - depth) + price; }
    // What was charged and did not pass after all.
    void refund(Duration price) { paid_until_ = paid_until_ - price; }

  private:
    Instant paid_until_ = kLongAgo;
};

// `burst` at once, then `per_second`.
struct TokenRate {
    std::int64_t per_second = 1;
    std::int64_t burst = 1;

    [[nodiscard]] constexpr Duration price() const { return std::chrono::nanoseconds(std::chrono::seconds(1)) / per_second; }
    [[nodiscard]] constexpr Duration depth() const { return price() * (burst - 1); }
    // One token, when there is one.
    [[nodiscard]] bool take(TokenBucket& bucket, Instant now) const {
        if (!bucket.is_open(now)) return false;
        bucket.charge(now, price(), depth());
        return true;
    }
};

}  // namespace warren::dataplane
