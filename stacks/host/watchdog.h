// Tells the service manager that we do not hang. Source: sd_watchdog_enabled(3).
#pragma once

#include "base/time.h"

namespace warren::stacks {

// One thread.
class Watchdog {
  public:
    // As the environment says: WATCHDOG_USEC, and WATCHDOG_PID when it is there.
    Watchdog();
    // How often to speak when a silence of `microseconds` is taken for a hang: twice in that time. Zero: nobody asks,
    // or asks another process than `pid`.
    [[nodiscard]] static Duration interval_of(const char* microseconds, const char* asked_pid, int pid);

    // Speaks when it is time to. Cheap.
    void feed(Instant now);
    [[nodiscard]] Instant next_deadline() const { return next_; }  // kNever when nobody asks

  private:
    Duration interval_;
    Instant next_;
};

}  // namespace warren::stacks
