#include "vpnd/io/poller.h"

#include <sys/epoll.h>

#include <array>
#include <cerrno>

#include "base/check.h"

namespace warren::io {

static_assert(Poller::kRead == EPOLLIN && Poller::kWrite == EPOLLOUT);

namespace {

epoll_event event_of(std::uint64_t name, Poller::Interest interest) {
    epoll_event event{};
    event.events = interest;
    event.data.u64 = name;
    return event;
}

}  // namespace

Result<Poller> Poller::make() {
    UniqueFd epoll(::epoll_create1(EPOLL_CLOEXEC));
    if (!epoll.valid()) return fail_errno("epoll_create1", errno);
    return Poller(std::move(epoll));
}

Status Poller::add(int fd, std::uint64_t name, Interest interest) {
    epoll_event event = event_of(name, interest);
    if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) return fail_errno("epoll_ctl", errno);
    return {};
}

void Poller::change(int fd, std::uint64_t name, Interest interest) {
    epoll_event event = event_of(name, interest);
    WARREN_CHECK(::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &event) == 0);
}

void Poller::remove(int fd) {
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
}

std::span<const Poller::Ready> Poller::poll() {
    std::array<epoll_event, 64> events{};
    const int count = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), 0);
    ready_.clear();
    for (int i = 0; i < count; ++i) {
        const epoll_event& event = events[static_cast<std::size_t>(i)];
        ready_.push_back({event.data.u64, (event.events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0, (event.events & EPOLLOUT) != 0});
    }
    return ready_;
}

}  // namespace warren::io
