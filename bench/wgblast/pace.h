// A fixed schedule: item k is due at start + k / rate, however late the ones before were, so that a stall is seen by
// all who had to wait.
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
    // Time that does not count, such as that of preparing a shot.
    void pause(Duration by) { start_ = start_ + by; }

  private:
    Instant start_;
    double interval_;  // nanoseconds
};

}  // namespace warren::bench
