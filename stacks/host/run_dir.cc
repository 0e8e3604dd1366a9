#include "stacks/host/run_dir.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>

#include "stacks/plan/desired.h"

namespace warren::stacks {

namespace {

std::string pid_in(int file) {
    std::array<char, 16> text{};
    const ssize_t size = ::pread(file, text.data(), text.size() - 1, 0);
    const long pid = size > 0 ? std::strtol(text.data(), nullptr, 10) : 0;
    return pid > 0 ? "pid " + std::to_string(pid) : "pid unknown";
}

}  // namespace

Result<RunDir> RunDir::claim(const std::string& path) {
    if (path.empty() || path.front() != '/' || path.size() > kMaxRunDir)
        return fail(ErrorCode::kInvalid, "run-dir " + path + " must be an absolute path of at most " +
                                             std::to_string(kMaxRunDir) + " characters");
    if (::mkdir(path.c_str(), 0711) != 0 && errno != EEXIST) return fail_errno("create run-dir " + path, errno);
    struct stat about {};
    if (::stat(path.c_str(), &about) != 0) return fail_errno("examine run-dir " + path, errno);
    // A user who can create a socket there could impersonate the vpnd that an earlier stackd left.
    if (about.st_uid != ::geteuid() || (about.st_mode & (S_IWGRP | S_IWOTH)) != 0)
        return fail(ErrorCode::kPermission, "run-dir " + path + " must belong to root and be writable by root only");
    const std::string name = path + "/lock";
    UniqueFd lock(::open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!lock.valid()) return fail_errno("open " + name, errno);
    if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK) return fail_errno("lock " + name, errno);
        return fail(ErrorCode::kConflict,
                    "run-dir " + path + " is in use by another instance (" + pid_in(lock.get()) + ")");
    }
    const std::string pid = std::to_string(::getpid()) + "\n";
    if (::ftruncate(lock.get(), 0) != 0 ||
        ::pwrite(lock.get(), pid.data(), pid.size(), 0) != static_cast<ssize_t>(pid.size()))
        return fail_errno("write " + name, errno);
    return RunDir(path, std::move(lock));
}

}  // namespace warren::stacks
