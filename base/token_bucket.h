// How much may pass in a time: the arithmetic under every limit (the generic cell rate algorithm, ITU-T I.371).
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "base/time.h"

namespace warren {

// `burst` tokens at once, then `per_second`.
struct TokenRate {
    std::int64_t per_second = 1;
    std::int64_t burst = 1;

    [[nodiscard]] constexpr Duration price() const {
        return std::chrono::nanoseconds(std::chrono::seconds(1)) / per_second;
    }
    [[nodiscard]] constexpr Duration depth() const { return price() * (burst - 1); }
};

// Counts in time: what passes has a price, the time in which the bucket earns it back; a full bucket has saved `depth`.
// The price may exceed the balance, which then becomes debt, so the rate holds in the long run whatever the sizes. A
// new bucket is full. One thread.
class TokenBucket {
  public:
    [[nodiscard]] bool is_open(Instant now) const { return paid_until_ <= now; }
    // When is_open() becomes true; may be past.
    [[nodiscard]] Instant opens_at() const { return paid_until_; }
    // The bucket is full.
    [[nodiscard]] bool is_full(Instant now, Duration depth) const { return paid_until_ <= now - depth; }
    void charge(Instant now, Duration price, Duration depth) {
        paid_until_ = std::max(paid_until_, now - depth) + price;
    }
    // Refunds what was charged and did not pass.
    void refund(Duration price) { paid_until_ = paid_until_ - price; }

    // Takes one token if there is one.
    [[nodiscard]] bool take(Instant now, const TokenRate& rate) {
        if (!is_open(now)) return false;
        charge(now, rate.price(), rate.depth());
        return true;
    }
    // Takes the next token; returns when it is available: now, or later.
    [[nodiscard]] Instant reserve(Instant now, const TokenRate& rate) {
        const Instant due = std::max(now, paid_until_);
        charge(now, rate.price(), rate.depth());
        return due;
    }

  private:
    Instant paid_until_ = kLongAgo;
};

}  // namespace warren
