// How one thread wakes another.
#pragma once

#include <atomic>

#include "base/fd.h"
#include "base/result.h"

namespace warren::io {

// An eventfd that is written at most once until it is cleared. Any thread may raise, one clears.
class Doorbell {
  public:
    [[nodiscard]] static Result<UniqueFd> make_fd();
    explicit Doorbell(UniqueFd fd) : fd_(std::move(fd)) {}

    void raise();
    // Before looking at what was raised for: what comes later raises again.
    void clear();
    [[nodiscard]] int fd() const { return fd_.get(); }

  private:
    UniqueFd fd_;
    std::atomic<bool> raised_{false};
};

}  // namespace warren::io
