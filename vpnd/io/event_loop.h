// Waits for descriptors (epoll, level-triggered).
#pragma once

#include <sys/epoll.h>

#include <array>
#include <cstdint>
#include <span>

#include "base/fd.h"
#include "base/result.h"
#include "base/time.h"

namespace warren::io {

// `token` comes back with the descriptor's events. A descriptor must be removed before it is closed: stackd may hold
// another for the same file, and then closing ours does not end its events. One thread.
class EventLoop {
  public:
    [[nodiscard]] static Result<EventLoop> make();

    [[nodiscard]] Status add(int fd, std::uint64_t token, std::uint32_t events = EPOLLIN);
    void change(int fd, std::uint64_t token, std::uint32_t events);
    // -1 is ignored.
    void remove(int fd);
    // Until something is ready or `timeout` has passed (negative: for ever). What is left out of one call comes first
    // in the next, so that no descriptor starves. Good until the next wait.
    [[nodiscard]] std::span<const epoll_event> wait(Duration timeout);

    // Readable when wait() would return something: one loop may wait in another.
    [[nodiscard]] int fd() const { return epoll_.get(); }

  private:
    UniqueFd epoll_;
    std::array<epoll_event, 128> ready_;
};

}  // namespace warren::io
