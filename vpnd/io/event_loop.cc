#include "vpnd/io/event_loop.h"

#include <algorithm>
#include <cerrno>

namespace warren::io {

Result<EventLoop> EventLoop::make() {
    EventLoop out;
    out.epoll_ = UniqueFd(::epoll_create1(EPOLL_CLOEXEC));
    if (!out.epoll_.valid()) return fail_errno("create an epoll instance", errno);
    return out;
}

Status EventLoop::add(int fd, std::uint64_t token, std::uint32_t events) {
    epoll_event event{};
    event.events = events;
    event.data.u64 = token;
    if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) == 0) return {};
    return fail_errno("wait for a descriptor", errno);
}

void EventLoop::change(int fd, std::uint64_t token, std::uint32_t events) {
    epoll_event event{};
    event.events = events;
    event.data.u64 = token;
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &event);
}

void EventLoop::remove(int fd) {
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
}

std::span<const epoll_event> EventLoop::wait(Duration timeout) {
    // Rounded up: waking early would spin.
    const auto milliseconds = std::chrono::ceil<std::chrono::milliseconds>(timeout).count();
    const int bounded =
        timeout < Duration::zero() ? -1 : static_cast<int>(std::min<std::int64_t>(milliseconds, 60'000));
    const int count = ::epoll_wait(epoll_.get(), ready_.data(), static_cast<int>(ready_.size()), bounded);
    return std::span(ready_).first(static_cast<std::size_t>(std::max(count, 0)));
}

}  // namespace warren::io
