#include "base/log_sink.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/fd.h"

namespace warren {

void LogSink::detach() {
    struct stat about {};
    if (::fstat(fd_, &about) != 0 || !(S_ISFIFO(about.st_mode) || S_ISCHR(about.st_mode))) return;
    const std::string path = "/proc/self/fd/" + std::to_string(fd_);
    const UniqueFd own(::open(path.c_str(), O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
    if (own.valid()) (void)::dup2(own.get(), fd_);
}

void LogSink::put(std::string line) {
    const std::lock_guard lock(mutex_);
    write_waiting();
    if (lost_ > 0 || waiting_.size() + line.size() > kMostBytes) {
        ++lost_;
        return;
    }
    waiting_ += line;
    write_waiting();
}

void LogSink::flush() {
    const std::lock_guard lock(mutex_);
    write_waiting();
}

bool LogSink::has_waiting() const {
    const std::lock_guard lock(mutex_);
    return !waiting_.empty() || lost_ > 0;
}

// Line by line: up to PIPE_BUF bytes reach a pipe whole, so lines of several processes do not mix.
void LogSink::write_waiting() {
    for (;;) {
        // Half of the space must be free again, or every other line would be a count.
        if (lost_ > 0 && waiting_.size() <= kMostBytes / 2) waiting_ += lost_line_(std::exchange(lost_, 0));
        if (waiting_.empty()) return;
        const std::size_t size = waiting_.find('\n') + 1;
        const std::size_t written = write_line(waiting_.data(), size);
        waiting_.erase(0, written);
        if (written < size) return;
    }
}

std::size_t LogSink::write_line(const char* begin, std::size_t size) const {
    std::size_t done = 0;
    while (done < size) {
        const std::size_t next = std::min<std::size_t>(size - done, PIPE_BUF);
        ssize_t written = ::send(fd_, begin + done, next, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (written < 0 && errno == ENOTSOCK) {
            pollfd state{fd_, POLLOUT, 0};
            if (::poll(&state, 1, 0) <= 0) break;
            written = ::write(fd_, begin + done, next);
        }
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) break;
        done += static_cast<std::size_t>(written);
    }
    return done;
}

}  // namespace warren
