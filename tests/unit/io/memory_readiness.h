// Readiness of ends in memory: nothing waits, and the order is the test's.
#pragma once

#include <poll.h>

#include <algorithm>
#include <vector>

#include "base/check.h"
#include "vpnd/io/readiness.h"

namespace warren::io::test {

// An uplink or a TUN in memory.
class MemoryEnd {
  public:
    MemoryEnd() = default;
    MemoryEnd(const MemoryEnd&) = delete;
    MemoryEnd& operator=(const MemoryEnd&) = delete;
    virtual ~MemoryEnd() = default;
    // EPOLLIN, EPOLLOUT and EPOLLERR as they are now.
    [[nodiscard]] virtual std::uint32_t ready() const = 0;
    // The loop has it open. epoll would go on about an end that was closed before it was removed.
    [[nodiscard]] virtual bool is_open() const = 0;
};

// Knows ends in memory by numbers beyond all descriptors, and polls what is a descriptor (the bells of mailboxes and
// transfers). wait() returns at once, everything that is ready in the order it was added.
class MemoryReadiness final : public Readiness {
  public:
    // The number that the loop will add the end under. The end outlives this.
    [[nodiscard]] int number_of(const MemoryEnd& end) {
        ends_.push_back(&end);
        return kFirst + static_cast<int>(ends_.size()) - 1;
    }
    // What was added last comes first.
    void set_reversed(bool is_reversed) { is_reversed_ = is_reversed; }
    // The latest wait would have slept: nothing was ready, and there was no work.
    [[nodiscard]] bool slept() const { return ready_.empty() && timeout_ != Duration::zero(); }
    // How long the latest wait would have lasted at most; negative: for ever.
    [[nodiscard]] Duration timeout() const { return timeout_; }
    // What the loop waits for of a descriptor; 0 when it is not added.
    [[nodiscard]] std::uint32_t interest_in(int fd) const {
        const auto at = std::find_if(added_.begin(), added_.end(), [&](const Added& one) { return one.fd == fd; });
        return at == added_.end() ? 0 : at->events;
    }

    [[nodiscard]] Status add(int fd, std::uint64_t token, std::uint32_t events) override {
        WARREN_CHECK(find(fd) == added_.end());
        added_.push_back({fd, token, events});
        return {};
    }
    void change(int fd, std::uint64_t token, std::uint32_t events) override {
        const auto at = find(fd);
        WARREN_CHECK(at != added_.end() && at->token == token);
        at->events = events;
    }
    void remove(int fd) override {
        if (const auto at = find(fd); at != added_.end()) added_.erase(at);
    }
    [[nodiscard]] std::span<const epoll_event> wait(Duration timeout) override {
        timeout_ = timeout;
        ready_.clear();
        for (const Added& one : added_) {
            epoll_event event{};
            event.events = ready_events(one.fd) & (one.events | EPOLLERR);
            event.data.u64 = one.token;
            if (event.events != 0) ready_.push_back(event);
        }
        if (is_reversed_) std::reverse(ready_.begin(), ready_.end());
        return ready_;
    }

  private:
    static constexpr int kFirst = 1 << 20;
    struct Added {
        int fd;
        std::uint64_t token;
        std::uint32_t events;
    };

    [[nodiscard]] std::vector<Added>::iterator find(int fd) {
        return std::find_if(added_.begin(), added_.end(), [&](const Added& one) { return one.fd == fd; });
    }
    [[nodiscard]] std::uint32_t ready_events(int fd) const {
        if (fd < kFirst) {
            pollfd bell{fd, POLLIN, 0};
            return ::poll(&bell, 1, 0) == 1 ? std::uint32_t{EPOLLIN} : 0;
        }
        const MemoryEnd& end = *ends_[static_cast<std::size_t>(fd - kFirst)];
        WARREN_CHECK(end.is_open());
        return end.ready();
    }

    std::vector<const MemoryEnd*> ends_;  // by number
    std::vector<Added> added_;
    std::vector<epoll_event> ready_;
    Duration timeout_{};
    bool is_reversed_ = false;
};

}  // namespace warren::io::test
