// A fixed schedule: item k is due at start + k / rate, even if earlier items were late. So a stall is measured for
// every item that it delayed.
#pragma once

#include "base/time.h"

namespace warren::bench {

class Pace {
  public:
    // `per_second` 0: everything is due at once.
    Pace(Instant start, double per_second) : start_(start), interval_(per_second > 0 ? 1e9 / per_second : 0) {}

    [[nodiscard]] Instant due(std::uint64_t item) const {
        return start_ + Duration(static_cast<std::int64_t>(static_cast<double>(item) * interval_));
    }
    // Excludes time, such as the preparation of a shot.
    void pause(Duration by) { start_ = start_ + by; }

  private:
    Instant start_;
    double interval_;  // nanoseconds
};

}  // namespace warren::bench
