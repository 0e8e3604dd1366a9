// The signals that stackd handles, as a descriptor.
#pragma once

#include <optional>

#include "base/fd.h"
#include "base/result.h"

namespace warren::stacks {

enum class SignalRequest {
    kReload,
    kStop,
    kLeave,  // stop, but leave vpnd to the next stackd
};

// After open(), SIGHUP, SIGTERM, SIGINT and SIGUSR1 are queued here instead of ending the process; SIGPIPE is ignored.
class Signals {
  public:
    [[nodiscard]] static Result<Signals> open();

    [[nodiscard]] int fd() const { return fd_.get(); }
    // Removes and returns the next pending signal.
    [[nodiscard]] std::optional<SignalRequest> next() const;
    // Whether a signal to stop or leave is pending; does not remove it.
    [[nodiscard]] static bool stop_waits();

  private:
    explicit Signals(UniqueFd fd) : fd_(std::move(fd)) {}
    UniqueFd fd_;
};

}  // namespace warren::stacks
