// Tells the service manager that stackd is alive. Source: sd_watchdog_enabled(3).
#pragma once

#include "base/time.h"

namespace warren::stacks {

// One thread.
class Watchdog {
  public:
    // Configured by the environment: WATCHDOG_USEC, and WATCHDOG_PID when it is there.
    Watchdog();
    // The interval between notifications: half of the timeout `microseconds`. Zero: no watchdog, or one for another
    // process than `pid`.
    [[nodiscard]] static Duration interval_of(const char* microseconds, const char* asked_pid, int pid);

    // Sends a notification when one is due. Cheap.
    void feed(Instant now);
    [[nodiscard]] Instant next_deadline() const { return next_; }  // kNever without a watchdog

  private:
    Duration interval_;
    Instant next_;
};

}  // namespace warren::stacks
