// The signals that mean something to stackd, as a descriptor.
#pragma once

#include <optional>

#include "base/fd.h"
#include "base/result.h"

namespace warren::stacks {

enum class SignalRequest { kReload, kStop };

// From open() on SIGHUP, SIGTERM and SIGINT wait here instead of ending the process; SIGPIPE is ignored.
class Signals {
  public:
    [[nodiscard]] static Result<Signals> open();

    [[nodiscard]] int fd() const { return fd_.get(); }
    // The next one that waits.
    [[nodiscard]] std::optional<SignalRequest> next() const;
    // One that asks to stop waits; it is not taken.
    [[nodiscard]] static bool stop_waits();

  private:
    explicit Signals(UniqueFd fd) : fd_(std::move(fd)) {}
    UniqueFd fd_;
};

}  // namespace warren::stacks
