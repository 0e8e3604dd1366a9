#include "history/disk.h"

#include "base/write_all.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <memory>

namespace warren::history {

namespace {

constexpr off_t kMaxSize = off_t{1} << 30;

}  // namespace

Result<UniqueFd> lock_store(const std::string& root) {
    WARREN_TRY(DirectoryDisk(root).make_directory(""));
    const std::string path = root + "/lock";
    UniqueFd out(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!out.valid()) return fail_errno("open " + path, errno);
    while (::flock(out.get(), LOCK_EX) != 0) {
        if (errno != EINTR) return fail_errno("lock " + path, errno);
    }
    return out;
}

Result<std::string> DirectoryDisk::read(const std::string& name) const {
    const UniqueFd file(::open(path(name).c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    if (!file.valid() && errno == ENOENT) return fail(ErrorCode::kNotFound, path(name) + ": there is none", ENOENT);
    if (!file.valid()) return fail_errno("open " + path(name), errno);
    struct stat about {};
    if (::fstat(file.get(), &about) != 0) return fail_errno("examine " + path(name), errno);
    if (!S_ISREG(about.st_mode) || about.st_size > kMaxSize)
        return fail(ErrorCode::kInvalid, path(name) + " is not ours: no regular file, or too large");
    if (about.st_uid != ::geteuid() || (about.st_mode & 022U) != 0)
        return fail(ErrorCode::kInvalid, path(name) + " can be written by another user");
    std::string text(static_cast<std::size_t>(about.st_size), '\0');
    std::size_t used = 0;
    while (used < text.size()) {
        const ssize_t got = ::read(file.get(), text.data() + used, text.size() - used);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return fail_errno("read " + path(name), errno);
        if (got == 0) break;
        used += static_cast<std::size_t>(got);
    }
    text.resize(used);
    return text;
}

Status DirectoryDisk::write(const std::string& name, std::string_view content) {
    (void)::unlink(path(name).c_str());
    const UniqueFd file(::open(path(name).c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!file.valid()) return fail_errno("create " + path(name), errno);
    if (const Status written = write_all(file.get(), content); !written)
        return with_context(path(name), written.error());
    return {};
}

Status DirectoryDisk::sync_file(const std::string& name) {
    const UniqueFd file(::open(path(name).c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    if (!file.valid() || ::fsync(file.get()) != 0) return fail_errno("sync " + path(name), errno);
    return {};
}

Status DirectoryDisk::sync_all() {
    const UniqueFd root(::open(root_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!root.valid() || ::syncfs(root.get()) != 0) return fail_errno("sync " + root_, errno);
    return {};
}

Status DirectoryDisk::rename(const std::string& from, const std::string& to) {
    if (::rename(path(from).c_str(), path(to).c_str()) != 0) return fail_errno("rename " + path(from), errno);
    return {};
}

Status DirectoryDisk::remove(const std::string& name) {
    if (::unlink(path(name).c_str()) != 0 && errno != ENOENT) return fail_errno("remove " + path(name), errno);
    return {};
}

Status DirectoryDisk::make_directory(const std::string& name) {
    if (::mkdir(path(name).c_str(), 0700) != 0 && errno != EEXIST) return fail_errno("make " + path(name), errno);
    return {};
}

Status DirectoryDisk::sync_directory(const std::string& name) {
    const UniqueFd opened(::open(path(name).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!opened.valid() || ::fsync(opened.get()) != 0) return fail_errno("sync " + path(name), errno);
    return {};
}

Result<std::vector<std::string>> DirectoryDisk::list(const std::string& directory) const {
    const std::unique_ptr<DIR, int (*)(DIR*)> dir(::opendir(path(directory).c_str()), &::closedir);
    if (dir == nullptr) return fail_errno("list " + path(directory), errno);
    std::vector<std::string> out;
    errno = 0;
    while (const dirent* entry = ::readdir(dir.get())) {  // NOLINT(concurrency-mt-unsafe): a stream of our own
        const std::string_view name = entry->d_name;
        if (name != "." && name != "..") out.emplace_back(name);
    }
    if (errno != 0) return fail_errno("list " + path(directory), errno);
    return out;
}

}  // namespace warren::history
