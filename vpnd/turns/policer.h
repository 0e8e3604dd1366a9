// A customer's limit in one direction: so many bits a second, the rest is dropped.
#pragma once

#include "base/token_bucket.h"

namespace warren::dataplane {

// Sizes are those of whole messages, headers and tags included. One data worker.
class Policer {
  public:
    // A burst of this long passes, or of this many bytes when that is more: what TCP sends at once must not all be lost
    // at a low rate.
    static constexpr Duration kBurst = std::chrono::milliseconds(100);
    static constexpr std::size_t kLeastBurst = std::size_t{64} << 10;

    // Bits per second, 0 = no limit. Another rate begins anew, so that nobody waits for a debt of the old one.
    void set_rate(std::uint64_t bits_per_second) {
        if (bits_per_second == rate_) return;
        rate_ = bits_per_second;
        bucket_ = {};
        depth_ = rate_ == 0 ? Duration::zero() : std::max(kBurst, price_of(kLeastBurst));
    }

    // Counts the message when it may pass.
    [[nodiscard]] bool pass(Instant now, std::size_t size) {
        if (rate_ == 0) return true;
        if (!bucket_.is_open(now)) return false;
        bucket_.charge(now, price_of(size), depth_);
        return true;
    }
    // The message that passed turned out to be nobody's: what a stranger sends must not use up the customer's rate.
    void refund(std::size_t size) {
        if (rate_ != 0) bucket_.refund(price_of(size));
    }

  private:
    [[nodiscard]] Duration price_of(std::size_t size) const {
        constexpr std::uint64_t kBitsTimesNanoseconds = 8 * std::uint64_t{1'000'000'000};
        return Duration(static_cast<std::int64_t>(size * kBitsTimesNanoseconds / rate_));
    }

    std::uint64_t rate_ = 0;
    Duration depth_{};
    TokenBucket bucket_;
};

}  // namespace warren::dataplane
