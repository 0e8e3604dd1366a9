#include "stacks/children/past_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

namespace warren::stacks {

namespace {

constexpr const char* kDatabase = "/past.db";
constexpr const char* kLog = "/past.db-wal";
constexpr const char* kAside = ".broken";

Result<UniqueFd> open_file(const std::string& path) {
    UniqueFd file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600));
    if (!file.valid()) return fail_errno("open " + path, errno);
    struct stat about {};
    if (::fstat(file.get(), &about) != 0) return fail_errno("examine " + path, errno);
    if (!S_ISREG(about.st_mode) || about.st_uid != ::geteuid() || (about.st_mode & 077U) != 0)
        return fail(ErrorCode::kInvalid, path + " must be a regular file of root that nobody else may open");
    return file;
}

}  // namespace

Result<PastFiles> open_past(const std::string& state_dir) {
    if (::mkdir(state_dir.c_str(), 0700) != 0 && errno != EEXIST) return fail_errno("make " + state_dir, errno);
    auto database = open_file(state_dir + kDatabase);
    if (!database) return tl::unexpected<Error>(database.error());
    auto log = open_file(state_dir + kLog);
    if (!log) return tl::unexpected<Error>(log.error());
    return PastFiles{std::move(*database), std::move(*log)};
}

Result<std::string> set_past_aside(const std::string& state_dir) {
    std::string aside = state_dir + kDatabase + kAside;
    struct stat about {};
    const bool is_taken = ::lstat(aside.c_str(), &about) == 0;
    for (const char* name : {kDatabase, kLog}) {
        const std::string path = state_dir + name;
        if (is_taken) {
            // Emptied in place: whoever still has it open holds no blocks of the disk by that.
            if (::truncate(path.c_str(), 0) != 0 && errno != ENOENT) return fail_errno("empty " + path, errno);
            continue;
        }
        if (::rename(path.c_str(), (path + kAside).c_str()) != 0 && errno != ENOENT)
            return fail_errno("rename " + path, errno);
    }
    return is_taken ? std::string() : aside;
}

}  // namespace warren::stacks
