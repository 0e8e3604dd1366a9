// Waits for descriptors: a thin epoll whose own descriptor can wait in another one.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/fd.h"
#include "base/result.h"

namespace warren::io {

// Level-triggered. One thread.
class Poller {
  public:
    enum Interest : std::uint32_t { kNothing = 0, kRead = 1, kWrite = 4 };  // EPOLLIN, EPOLLOUT

    struct Ready {
        std::uint64_t name = 0;  // as given to add()
        bool readable = false;   // or hung up, or in error: reading tells
        bool writable = false;
    };

    [[nodiscard]] static Result<Poller> make();

    [[nodiscard]] Status add(int fd, std::uint64_t name, Interest interest = kRead);
    void change(int fd, std::uint64_t name, Interest interest);
    // Before the descriptor is closed: closing alone is not enough where another process holds the same file.
    void remove(int fd);
    // What is ready now, at most 64 of them; the span is good until the next call. Never waits.
    [[nodiscard]] std::span<const Ready> poll();

    // Readable when poll() would return something.
    [[nodiscard]] int fd() const { return epoll_.get(); }

  private:
    explicit Poller(UniqueFd epoll) : epoll_(std::move(epoll)) {}

    UniqueFd epoll_;
    std::vector<Ready> ready_;
};

}  // namespace warren::io
