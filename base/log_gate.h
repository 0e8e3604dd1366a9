// Limits log lines that unauthenticated senders can trigger.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>

#include "base/time.h"

namespace warren {

// Lets a burst of lines through, then one a second. One per kind of line, one thread.
class LogGate {
  public:
    // How many lines were left out since the last one, when this one may be written.
    [[nodiscard]] std::optional<std::uint64_t> pass(Instant now) {
        constexpr double burst = 10;
        const double seconds = std::chrono::duration<double>(now - last_).count();
        credit_ = std::min(burst, credit_ + std::max(seconds, 0.0));
        last_ = now;
        if (credit_ < 1) {
            ++suppressed_;
            return std::nullopt;
        }
        credit_ -= 1;
        return std::exchange(suppressed_, 0);
    }

  private:
    Instant last_;
    double credit_ = 10;
    std::uint64_t suppressed_ = 0;
};

}  // namespace warren
