// The seam between a packet loop and what tells it that something is ready. The kernel's is EventLoop; tests have one
// that knows ends in memory.
#pragma once

#include <sys/epoll.h>

#include <cstdint>
#include <span>

#include "base/result.h"
#include "base/time.h"

namespace warren::io {

// Level-triggered, in epoll's words. `token` comes back with the descriptor's events. A descriptor is removed before it
// is closed. One thread.
class Readiness {
  public:
    virtual ~Readiness() = default;

    [[nodiscard]] virtual Status add(int fd, std::uint64_t token, std::uint32_t events) = 0;
    virtual void change(int fd, std::uint64_t token, std::uint32_t events) = 0;
    // -1 is ignored.
    virtual void remove(int fd) = 0;
    // Until something is ready or `timeout` has passed (negative: for ever). What one call leaves out comes first in
    // the next, so that no descriptor starves. Valid until the next wait.
    [[nodiscard]] virtual std::span<const epoll_event> wait(Duration timeout) = 0;

  protected:
    Readiness() = default;
    Readiness(const Readiness&) = default;
    Readiness(Readiness&&) = default;
    Readiness& operator=(const Readiness&) = default;
    Readiness& operator=(Readiness&&) = default;
};

}  // namespace warren::io
