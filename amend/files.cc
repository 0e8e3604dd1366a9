#include "amend/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>

#include "base/fd.h"
#include "base/write_all.h"
#include "crypto/secret.h"

namespace warren::amend {

namespace {

Status write_and_sync(int file, std::string_view text, mode_t mode, FileOwner owner) {
    WARREN_TRY(write_all(file, text));
    if (::fchown(file, owner.user, owner.group) != 0) return fail_errno("write", errno);
    if (::fchmod(file, mode) != 0 || ::fsync(file) != 0) return fail_errno("write", errno);
    return {};
}

// Writes `file`, which has the name `fresh`, and gives it the name `path`.
Status put(const UniqueFd& file, const std::string& fresh, const std::string& path, std::string_view text, mode_t mode,
           FileOwner owner, unsigned rename_flags) {
    Status done = write_and_sync(file.get(), text, mode, owner);
    if (done && ::renameat2(AT_FDCWD, fresh.c_str(), AT_FDCWD, path.c_str(), rename_flags) != 0)
        done = fail_errno("rename", errno);
    if (done) {
        sync_directory_of(path);
        return {};
    }
    (void)::unlink(fresh.c_str());
    if (done.error().system_error == EEXIST) return fail(ErrorCode::kConflict, path + " is there already", EEXIST);
    return fail_errno("write " + path, done.error().system_error);
}

}  // namespace

Result<std::string> read_text(const std::string& path) {
    // O_NONBLOCK: a FIFO must not block us.
    const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    if (!file.valid()) {
        if (errno == ENOENT) return std::string();
        return fail_errno("read " + path, errno);
    }
    struct stat found {};
    if (::fstat(file.get(), &found) != 0) return fail_errno("read " + path, errno);
    if (!S_ISREG(found.st_mode)) return fail(ErrorCode::kInvalid, path + " is no regular file");
    std::string text;
    // At once, because text that is moved leaves a copy; but a file of the kernel has no size, and any may grow.
    text.reserve(static_cast<std::size_t>(found.st_size) + 1);
    std::array<char, 4096> piece{};
    while (true) {
        const ssize_t got = ::read(file.get(), piece.data(), piece.size());
        if (got < 0 && errno == EINTR) continue;
        const int error = got < 0 ? errno : 0;
        if (got > 0) text.append(piece.data(), static_cast<std::size_t>(got));
        if (got > 0) continue;
        crypto::wipe({reinterpret_cast<std::uint8_t*>(piece.data()), piece.size()});
        if (got == 0) return text;
        crypto::wipe({reinterpret_cast<std::uint8_t*>(text.data()), text.size()});
        return fail_errno("read " + path, error);
    }
}

// What an interrupted command left is removed: nobody else writes in this directory.
Status replace_file(const std::string& path, std::string_view text, mode_t mode, FileOwner owner) {
    const std::string fresh = path + ".new";
    (void)::unlink(fresh.c_str());
    const UniqueFd file(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!file.valid()) return fail_errno("write " + fresh, errno);
    return put(file, fresh, path, text, mode, owner, 0);
}

// In any directory, where PATH.new may be somebody's.
Status create_file(const std::string& path, std::string_view text, mode_t mode) {
    constexpr std::string_view kSuffix = ".new";
    std::string fresh = path + ".XXXXXX" + std::string(kSuffix);
    const UniqueFd file(::mkostemps(fresh.data(), static_cast<int>(kSuffix.size()), O_CLOEXEC));
    if (!file.valid()) return fail_errno("write " + path, errno);
    return put(file, fresh, path, text, mode, {}, RENAME_NOREPLACE);
}

Status ensure_directory(const std::string& path, mode_t mode) {
    if (::mkdir(path.c_str(), mode) == 0) {
        if (::chmod(path.c_str(), mode) != 0)
            return fail_errno("make " + path, errno);  // the umask may have removed bits
        return {};
    }
    struct stat found {};
    if (errno == EEXIST && ::stat(path.c_str(), &found) == 0 && S_ISDIR(found.st_mode)) return {};
    return fail_errno("make the directory " + path, errno);
}

void sync_directory_of(const std::string& path) {
    const auto slash = path.rfind('/');
    const std::string directory = slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
    const UniqueFd opened(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (opened.valid()) (void)::fsync(opened.get());
}

}  // namespace warren::amend
