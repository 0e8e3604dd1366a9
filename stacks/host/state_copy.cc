#include "stacks/host/state_copy.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/log.h"
#include "base/usage_record.h"
#include "stacks/host/usage_files.h"

namespace warren::stacks {

namespace {

constexpr std::array kNames = {"timestamps", "peers"};
constexpr off_t kMaxSize = 128 << 20;
constexpr std::size_t kBlock = 4096;
constexpr int kTries = 10;  // of a block that is being written

// Of records of usage: none is half old and half new, as one that is read while vpnd writes it.
bool is_whole(Bytes block) {
    for (std::size_t at = 0; at + UsageRecord::kSize <= block.size(); at += UsageRecord::kSize) {
        const auto record = block.subspan(at).first<UsageRecord::kSize>();
        const bool is_free = std::all_of(record.begin(), record.end(), [](std::uint8_t byte) { return byte == 0; });
        if (!is_free && !decode_usage(record)) return false;
    }
    return true;
}

Status copy_data(int from, int to, off_t size, bool has_records) {
    std::vector<std::uint8_t> block(kBlock);
    const std::vector<std::uint8_t> zeros(kBlock);
    for (off_t at = 0; at < size;) {
        at = ::lseek(from, at, SEEK_DATA);
        if (at < 0) return errno == ENXIO ? Status() : fail_errno("seek", errno);
        at -= at % static_cast<off_t>(kBlock);
        ssize_t read = ::pread(from, block.data(), block.size(), at);
        for (int i = 0; has_records && i < kTries && read > 0; ++i) {
            if (is_whole(Bytes(block).first(static_cast<std::size_t>(read)))) break;
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
            read = ::pread(from, block.data(), block.size(), at);
        }
        if (read < 0) return fail_errno("read", errno);
        if (read == 0) return {};
        const auto count = static_cast<std::size_t>(read);
        if (!std::equal(block.begin(), block.begin() + read, zeros.begin()) &&
            ::pwrite(to, block.data(), count, at) != read)
            return fail_errno("write", errno);
        at += read;
    }
    return {};
}

// What outlives a reboot of the run-dir, by name in it.
std::vector<std::string> names_in(const std::string& run_dir) {
    std::vector<std::string> out(kNames.begin(), kNames.end());
    for (const Month month : months_in(usage_directory(run_dir))) out.push_back("usage/" + month_text(month));
    std::erase_if(out, [&](const std::string& name) { return ::access((run_dir + "/" + name).c_str(), F_OK) != 0; });
    return out;
}

// A month that ended a while ago is not written any more, and its copy is enough.
bool is_over(const std::string& name, WallTime now) {
    const auto month = parse_month(std::string_view(name).substr(name.find('/') + 1));
    return month && *month < month_of({now.nanoseconds - StateCopy::kInterval.count()});
}

}  // namespace

Status copy_file(const std::string& from, const std::string& to, bool has_records) {
    const UniqueFd source(::open(from.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    if (!source.valid()) return fail_errno("open " + from, errno);
    struct stat about {};
    if (::fstat(source.get(), &about) != 0) return fail_errno("examine " + from, errno);
    if (!S_ISREG(about.st_mode) || about.st_size > kMaxSize)
        return fail(ErrorCode::kInvalid, from + " is not a copy's");
    const std::string beside = to + ".new";
    (void)::unlink(beside.c_str());
    const UniqueFd target(::open(beside.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!target.valid()) return fail_errno("create " + beside, errno);
    Status done = copy_data(source.get(), target.get(), about.st_size, has_records);
    if (done && (::ftruncate(target.get(), about.st_size) != 0 || ::fsync(target.get()) != 0))
        done = fail_errno("write", errno);
    if (done && ::rename(beside.c_str(), to.c_str()) != 0) done = fail_errno("rename", errno);
    if (done) return {};
    (void)::unlink(beside.c_str());
    return with_context(to, std::move(done).error());
}

void StateCopy::restore() const {
    if (state_dir_.empty()) return;
    for (const char* name : kNames) {
        const std::string here = run_dir_ + "/" + name;
        const std::string kept = state_dir_ + "/" + name;
        if (::access(here.c_str(), F_OK) == 0 || ::access(kept.c_str(), F_OK) != 0) continue;
        if (const Status copied = copy_file(kept, here); !copied)
            log(LogLevel::kWarn, "state_not_restored", {{"reason", copied.error().what}});
    }
}

void StateCopy::run(Instant now) {
    if (state_dir_.empty() || now < due_) return;
    const bool is_first = due_ == kLongAgo;  // nothing has changed yet
    due_ = now + kInterval;
    if (!is_first && reap()) start();
}

void StateCopy::finish(Duration patience) {
    if (state_dir_.empty()) return;
    for (int i = 0; i < 2; ++i) {  // one that runs may have begun too early
        const auto limit = std::chrono::duration_cast<std::chrono::milliseconds>(patience).count();
        pollfd ended{ended_.get(), POLLIN, 0};
        if (child_ != 0 && ::poll(&ended, 1, static_cast<int>(limit)) != 1) ::kill(child_, SIGKILL);
        if (!reap()) return;  // the disk hangs
        if (i == 0) start();
    }
}

void StateCopy::start() {
    const pid_t child = ::fork();
    if (child < 0) return log(LogLevel::kWarn, "state_not_copied", {{"reason", std::strerror(errno)}});
    if (child == 0) {
        (void)::close_range(3, ~0U, 0);  // a disk that hangs must not keep the lock, nor the channel to vpnd
        (void)::mkdir(state_dir_.c_str(), 0700);
        (void)::mkdir(usage_directory(state_dir_).c_str(), 0700);
        const WallTime now = read_wall_clock();
        remove_old_usage(state_dir_, month_of(now));
        bool failed = false;
        for (const std::string& name : names_in(run_dir_)) {
            const Status copied = copy_file(run_dir_ + "/" + name, state_dir_ + "/" + name, name.starts_with("usage/"));
            if (copied && is_over(name, now)) ::unlink((run_dir_ + "/" + name).c_str());
            failed = failed || !copied;
            if (!copied && !has_failed_) log(LogLevel::kWarn, "state_not_copied", {{"reason", copied.error().what}});
        }
        ::_exit(failed ? 1 : 0);
    }
    child_ = child;
    ended_ = UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, child, 0)));
}

bool StateCopy::reap() {
    if (child_ == 0) return true;
    int status = 0;
    if (::waitpid(child_, &status, WNOHANG) == 0) return false;
    child_ = 0;
    ended_.reset();
    // Said once, until it succeeds again.
    has_failed_ = !WIFEXITED(status) || WEXITSTATUS(status) != 0;
    return true;
}

}  // namespace warren::stacks
