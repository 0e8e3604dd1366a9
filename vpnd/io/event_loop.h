// Waits for descriptors (epoll, level-triggered).
#pragma once

#include <array>

#include "base/fd.h"
#include "vpnd/io/readiness.h"

namespace warren::io {

// A descriptor must be removed before it is closed: stackd may hold another for the same file, and then closing ours
// does not end its events. One thread.
class EventLoop final : public Readiness {
  public:
    [[nodiscard]] static Result<EventLoop> make();

    [[nodiscard]] Status add(int fd, std::uint64_t token, std::uint32_t events) override;
    [[nodiscard]] Status add(int fd, std::uint64_t token) { return add(fd, token, EPOLLIN); }
    void change(int fd, std::uint64_t token, std::uint32_t events) override;
    void remove(int fd) override;
    [[nodiscard]] std::span<const epoll_event> wait(Duration timeout) override;

    // Readable when wait() would return something: one loop may wait in another.
    [[nodiscard]] int fd() const { return epoll_.get(); }

  private:
    UniqueFd epoll_;
    std::array<epoll_event, 128> ready_;
};

}  // namespace warren::io
