#include "stacks/last_good.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>

#include "base/clock.h"
#include "base/log.h"
#include "base/version.h"
#include "base/write_all.h"

namespace warren::stacks {

namespace {

constexpr off_t kMaxSize = 1 << 30;

std::string path_in(const std::string& state_dir) {
    return state_dir + "/last-good";
}

// The whole file. kNotFound: there is none.
Result<std::string> content_of(const std::string& path) {
    const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    if (!file.valid() && errno == ENOENT) return fail(ErrorCode::kNotFound, "there is none");
    if (!file.valid()) return fail_errno("open " + path, errno);
    struct stat about {};
    if (::fstat(file.get(), &about) != 0) return fail_errno("examine " + path, errno);
    if (!S_ISREG(about.st_mode) || about.st_size > kMaxSize)
        return fail(ErrorCode::kInvalid, path + " is not ours: no regular file, or too large");
    if (about.st_uid != ::geteuid() || (about.st_mode & 022U) != 0)
        return fail(ErrorCode::kInvalid, path + " can be written by another user");
    std::string text(static_cast<std::size_t>(about.st_size), '\0');
    std::size_t used = 0;
    while (used < text.size()) {
        const ssize_t got = ::read(file.get(), text.data() + used, text.size() - used);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return fail_errno("read " + path, errno);
        if (got == 0) break;
        used += static_cast<std::size_t>(got);
    }
    text.resize(used);
    return text;
}

// By a file beside it, so that `path` is the old one or the new one, whole.
Status replace(const std::string& directory, const std::string& path, std::string_view text) {
    const std::string beside = path + ".new";
    (void)::unlink(beside.c_str());
    const UniqueFd file(::open(beside.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!file.valid()) return fail_errno("create " + beside, errno);
    Status done = write_all(file.get(), text);
    if (done && ::fsync(file.get()) != 0) done = fail_errno("fsync", errno);
    if (done && ::rename(beside.c_str(), path.c_str()) != 0) done = fail_errno("rename " + beside, errno);
    if (!done) {
        (void)::unlink(beside.c_str());
        return done;
    }
    const UniqueFd opened(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (opened.valid()) (void)::fsync(opened.get());
    return {};
}

// How the child ends: it logs nothing, because it has a copy of what waits to be logged.
enum Outcome : int { kKept, kNothingStays, kEarlierStays };
constexpr int kReason = 3;  // its descriptor, for the reason

int write_out(const std::string& state_dir, const config::Generation& generation, std::string& reason) {
    const std::string path = path_in(state_dir);
    const config::Texts texts = config::texts_of(generation);
    if (const auto present = content_of(path)) {
        const auto unpacked = config::unpack(*present, kVersion);
        if (unpacked && unpacked->texts == texts) return kKept;
    }
    (void)::mkdir(state_dir.c_str(), 0700);
    const Status kept = replace(state_dir, path, config::pack(texts, kVersion, read_wall_clock()));
    if (kept) return kKept;
    reason = kept.error().what;
    return ::unlink(path.c_str()) != 0 && errno != ENOENT && errno != ENOTDIR ? kEarlierStays : kNothingStays;
}

std::string read_reason(int pipe) {
    std::array<char, PIPE_BUF> text{};
    const ssize_t size = ::read(pipe, text.data(), text.size());
    return size > 0 ? std::string(text.data(), static_cast<std::size_t>(size)) : "it is not known";
}

void log_not_kept(const std::string& reason, bool earlier_stays) {
    log(LogLevel::kWarn, "last_good_not_kept",
        {{"reason", reason},
         {"effect", earlier_stays ? "an earlier one stays: after a start with a broken warren.toml it is in force"
                                  : "a start with a broken warren.toml serves nobody"}});
}

}  // namespace

std::optional<config::PackedTexts> LastGood::read() const {
    if (state_dir_.empty()) return std::nullopt;
    const auto text = content_of(path_in(state_dir_));
    if (!text && text.error().code == ErrorCode::kNotFound) return std::nullopt;
    auto unpacked = text ? config::unpack(*text, kVersion) : Result<config::PackedTexts>(tl::unexpected(text.error()));
    if (unpacked) return std::move(*unpacked);
    log(LogLevel::kWarn, "last_good_ignored", {{"reason", unpacked.error().what}});
    return std::nullopt;
}

void LastGood::keep(const config::Generation& generation, Instant now) {
    if (state_dir_.empty()) return;
    is_due_ = true;
    start_at_ = now;
    run(generation, now);
}

void LastGood::run(const config::Generation& generation, Instant now) {
    if (reap(now) && is_due_ && now >= start_at_) start(generation, now);
}

void LastGood::finish(const config::Generation& generation, Duration patience, Instant now) {
    if (!await_end(patience)) return;  // the disk hangs
    (void)reap(now);
    if (!is_due_) return;
    start(generation, now);
    if (await_end(patience)) (void)reap(now);
}

bool LastGood::await_end(Duration patience) const {
    const auto limit = std::chrono::duration_cast<std::chrono::milliseconds>(patience).count();
    pollfd ended{ended_.get(), POLLIN, 0};
    return child_ == 0 || ::poll(&ended, 1, static_cast<int>(limit)) == 1;
}

void LastGood::start(const config::Generation& generation, Instant now) {
    is_due_ = false;
    std::array<int, 2> ends{};
    const bool has_pipe = ::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) == 0;
    reason_ = UniqueFd(has_pipe ? ends[0] : -1);
    const UniqueFd write_end(has_pipe ? ends[1] : -1);
    const pid_t child = has_pipe ? ::fork() : -1;
    if (child < 0) {
        log_not_kept(std::strerror(errno), true);
        return try_again(now);
    }
    if (child == 0) {
        (void)::dup2(write_end.get(), kReason);
        (void)::close_range(kReason + 1, ~0U, 0);  // a disk that hangs must not keep the lock, nor the channel to vpnd
        std::string reason;
        const int outcome = write_out(state_dir_, generation, reason);
        (void)!::write(kReason, reason.data(), std::min<std::size_t>(reason.size(), PIPE_BUF));
        ::_exit(outcome);
    }
    child_ = child;
    ended_ = UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, child, 0)));
}

bool LastGood::reap(Instant now) {
    if (child_ == 0) return true;
    int status = 0;
    const pid_t ended = ::waitpid(child_, &status, WNOHANG);
    if (ended == 0) return false;
    child_ = 0;
    ended_.reset();
    const bool has_exited = ended > 0 && WIFEXITED(status);
    if (has_exited && WEXITSTATUS(status) == kKept) return true;
    std::string reason = read_reason(reason_.get());
    if (ended > 0 && WIFSIGNALED(status))
        reason = "the process that writes it was killed by signal " + std::to_string(WTERMSIG(status));
    log_not_kept(reason, !has_exited || WEXITSTATUS(status) != kNothingStays);
    if (!is_due_) try_again(now);  // a newer one does not wait
    return true;
}

void LastGood::try_again(Instant now) {
    is_due_ = true;
    start_at_ = now + kRetryPause;
}

}  // namespace warren::stacks
