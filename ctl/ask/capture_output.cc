#include "ctl/ask/capture_output.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

namespace warren::ctl {

namespace {

constexpr mode_t kOwnerOnly = 0600;

bool is_regular(int fd) {
    struct stat seen {};
    return ::fstat(fd, &seen) == 0 && S_ISREG(seen.st_mode);
}

}  // namespace

CaptureOutput::CaptureOutput(UniqueFd fd, std::string name)
    : fd_(std::move(fd)), name_(std::move(name)), is_file_(is_regular(fd_.get())) {}

Result<CaptureOutput> CaptureOutput::open(const std::string& path) {
    if (path.empty() && ::isatty(STDOUT_FILENO) != 0)
        return fail(ErrorCode::kInvalid,
                    "a capture is no text for a terminal: use -w FILE, or | wireshark -k -i -, or | tcpdump -r -");
    if (path.empty() || path == "-") {
        UniqueFd out(::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0));
        if (!out.valid()) return fail_errno("standard output", errno);
        return CaptureOutput(std::move(out));
    }
    UniqueFd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, kOwnerOnly));
    if (!file.valid()) return fail_errno(path, errno);
    CaptureOutput out(std::move(file), path);
    out.is_named_ = true;
    if (!out.is_file_) return out;
    struct stat seen {};
    if (::fstat(out.fd(), &seen) != 0) return fail_errno(path, errno);
    if (seen.st_uid != ::geteuid()) return fail(ErrorCode::kFailed, path + " belongs to another user");
    if (::flock(out.fd(), LOCK_EX | LOCK_NB) != 0) {
        if (errno == EWOULDBLOCK) return fail(ErrorCode::kFailed, path + " is written by another capture");
        return fail_errno("lock " + path, errno);
    }
    return out;
}

Status CaptureOutput::begin() {
    if (!is_named_ || !is_file_) return {};
    if (::fchmod(fd_.get(), kOwnerOnly) != 0) return fail_errno("change the mode of " + name_, errno);
    if (::ftruncate(fd_.get(), 0) != 0) return fail_errno("empty " + name_, errno);
    return {};
}

bool CaptureOutput::write(const std::vector<std::uint8_t>& bytes) {
    std::size_t done = 0;
    while (failed_ == 0 && done < bytes.size()) {
        // A pipe that poll(2) calls writable takes this much without waiting.
        const std::size_t most = is_file_ ? bytes.size() : std::size_t{PIPE_BUF};
        if (!is_file_ && !wait()) break;
        const ssize_t wrote = ::write(fd_.get(), bytes.data() + done, std::min(most, bytes.size() - done));
        if (wrote < 0 && (errno == EINTR || errno == EAGAIN)) continue;
        if (wrote <= 0) {
            failed_ = wrote < 0 ? errno : EIO;
            break;
        }
        done += static_cast<std::size_t>(wrote);
    }
    return failed_ == 0;
}

bool CaptureOutput::wait() {
    while (true) {
        std::array<pollfd, 2> ready{{{fd_.get(), POLLOUT, 0}, {signals_, POLLIN, 0}}};
        const int found = ::poll(ready.data(), ready.size(), has_asked_ ? kPatience : -1);
        if (found < 0 && errno == EINTR) continue;
        if (found < 0) {
            failed_ = errno;
            return false;
        }
        const bool was_asked = has_asked_;
        const bool is_asked_now = ready[1].revents != 0 && read_signal();
        if (found == 0 || (was_asked && is_asked_now)) {
            failed_ = ETIMEDOUT;
            return false;
        }
        if (ready[0].revents != 0) return true;  // room, or an error that write(2) tells
    }
}

bool CaptureOutput::read_signal() {
    signalfd_siginfo what{};
    if (::read(signals_, &what, sizeof what) <= 0) return false;
    has_asked_ = true;
    return true;
}

bool CaptureOutput::is_end_asked() {
    if (signals_ >= 0) (void)read_signal();
    return has_asked_;
}

Status CaptureOutput::failure() const {
    if (failed_ == 0 || failed_ == EPIPE) return {};
    if (failed_ == ETIMEDOUT) return fail(ErrorCode::kFailed, name_ + ": its reader does not read; the end is missing");
    return fail_errno("write to " + name_, failed_);
}

}  // namespace warren::ctl
