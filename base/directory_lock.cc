#include "base/directory_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <cerrno>

namespace warren {

namespace {

Result<UniqueFd> lock(const std::string& directory, int how) {
    while (true) {
        UniqueFd out(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        if (!out.valid()) return fail_errno("open " + directory, errno);
        while (::flock(out.get(), how) != 0) {
            if (errno == EWOULDBLOCK) return fail(ErrorCode::kUnavailable, directory + " is being changed by somebody");
            if (errno != EINTR) return fail_errno("lock " + directory, errno);
        }
        struct stat held {};
        struct stat now {};
        if (::fstat(out.get(), &held) != 0 || ::stat(directory.c_str(), &now) != 0)
            return fail_errno("lock " + directory, errno);
        if (held.st_dev == now.st_dev && held.st_ino == now.st_ino) return out;
    }
}

}  // namespace

Result<UniqueFd> lock_directory(const std::string& directory) {
    return lock(directory, LOCK_EX);
}

Result<UniqueFd> try_lock_directory(const std::string& directory) {
    return lock(directory, LOCK_EX | LOCK_NB);
}

}  // namespace warren
