#include "stacks/host/disk_task.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace warren::stacks {

namespace {

constexpr int kAnswer = 3;  // the child's descriptor for its answer

}  // namespace

Status DiskTask::start(const std::function<Result<std::string>()>& work) {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) != 0) return fail_errno("pipe", errno);
    UniqueFd read_end(ends[0]);
    const UniqueFd write_end(ends[1]);
    const pid_t child = ::fork();
    if (child < 0) return fail_errno("fork", errno);
    if (child == 0) {
        (void)::dup2(write_end.get(), kAnswer);
        (void)::close_range(kAnswer + 1, ~0U, 0);  // a disk that hangs must not keep the lock, nor the channel to vpnd
        const Result<std::string> done = work();
        const std::string& text = done ? *done : done.error().what;
        (void)!::write(kAnswer, text.data(), std::min<std::size_t>(text.size(), PIPE_BUF));
        ::_exit(done ? 0 : 1);
    }
    child_ = child;
    ended_ = UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, child, 0)));
    answer_ = std::move(read_end);
    return {};
}

std::optional<DiskTask::Outcome> DiskTask::take() {
    if (child_ == 0) return std::nullopt;
    int status = 0;
    const pid_t ended = ::waitpid(child_, &status, WNOHANG);
    if (ended == 0) return std::nullopt;
    child_ = 0;
    ended_.reset();
    if (ended < 0 || !WIFEXITED(status))
        return Outcome{false, ended > 0 && WIFSIGNALED(status)
                                  ? "the process that writes was killed by signal " + std::to_string(WTERMSIG(status))
                                  : "how it ended is not known"};
    std::array<char, PIPE_BUF> text{};
    const ssize_t size = ::read(answer_.get(), text.data(), text.size());
    return Outcome{WEXITSTATUS(status) == 0, size > 0 ? std::string(text.data(), static_cast<std::size_t>(size)) : ""};
}

std::optional<DiskTask::Outcome> DiskTask::wait(Duration patience) {
    const auto limit = std::chrono::duration_cast<std::chrono::milliseconds>(patience).count();
    pollfd ended{ended_.get(), POLLIN, 0};
    if (child_ != 0) (void)::poll(&ended, 1, static_cast<int>(limit));
    return take();
}

}  // namespace warren::stacks
