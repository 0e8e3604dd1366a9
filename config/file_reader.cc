#include "config/file_reader.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>
#include <system_error>
#include <utility>

#include "config/parse.h"
#include "config/psk.h"
#include "crypto/secret.h"

namespace warren::config {

namespace {

constexpr std::size_t kMaxSecretFile = 4096;
constexpr std::size_t kMaxLargeFile = 1 << 20;  // users, certificates, lists of revoked ones

std::string text_of(int system_error) {
    return std::generic_category().message(system_error);
}

std::int64_t nanoseconds(const timespec& time) {
    return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

FileStamp stamp_of(const struct stat& status) {
    return {status.st_dev, status.st_ino, status.st_size, nanoseconds(status.st_mtim), nanoseconds(status.st_ctim)};
}

void wipe(std::string& text) {
    crypto::wipe({reinterpret_cast<std::uint8_t*>(text.data()), text.size()});
}

std::size_t limit_of(FileForm form) {
    switch (form) {
        case FileForm::kKey:
        case FileForm::kPsk:
        case FileForm::kPassword:
        case FileForm::kPpk: return kMaxSecretFile;
        case FileForm::kPrivateKey: return std::size_t{16} * 1024;
        case FileForm::kUsers:
        case FileForm::kCertificate: return kMaxLargeFile;
    }
    return kMaxSecretFile;
}

// Puts what the text of a file holds, or why it holds nothing of that form, in words that follow its name.
std::string put_content(const NamedSecret& name, std::string_view text, Secrets& to) {
    switch (name.form) {
        case FileForm::kKey: {
            auto key = parse_secret_text(text);
            if (!key)
                return fmt::format("holds no key; accepted: 44 characters of base64, as `{}` prints them",
                                   name.made_with);
            if (key->is_zero()) return fmt::format("holds the all-zero key; make one with `{}`", name.made_with);
            to.put(name.ref, std::move(*key));
            return {};
        }
        case FileForm::kPsk:
        case FileForm::kPassword:
        case FileForm::kPpk: {
            const KeyLength least = name.form == FileForm::kPpk   ? kPpkLength
                                    : name.form == FileForm::kPsk ? kPskLength
                                                                  : kPasswordLength;
            auto [secret, problem] = parse_psk(text, least);
            if (problem.empty()) to.put(name, std::move(secret));
            return problem;
        }
        case FileForm::kUsers:
            if (std::string problem = users_problem(text); !problem.empty()) return problem;
            break;
        case FileForm::kPrivateKey:
            if (text.find("-----BEGIN ") == std::string_view::npos) return "holds no private key in PEM";
            break;
        case FileForm::kCertificate:
            if (text.empty()) return "is empty";
            break;
    }
    to.put(name, crypto::SecretBuffer(as_bytes(text)));
    return {};
}

std::string open_problem(int system_error, std::string_view command) {
    if (system_error == ENOENT && command.empty()) return "is missing";
    if (system_error == ENOENT) return fmt::format("is missing; make it: (umask 077; {} > FILE)", command);
    if (system_error == ELOOP || system_error == ENOTDIR)
        return "is, or leads through, a symbolic link or a file, which is not followed";
    return fmt::format("cannot be opened: {}", text_of(system_error));
}

std::string access_problem(const UniqueFd& fd) {
    struct stat status {};
    if (::fstat(fd.get(), &status) != 0) return fmt::format("cannot be examined: {}", text_of(errno));
    if (!S_ISREG(status.st_mode)) return "is no regular file";
    const auto mode = static_cast<unsigned>(status.st_mode & 07777);
    if ((mode & 0077U) != 0) {
        return fmt::format("may be used by others (mode {:04o}); accepted: 0600 (chmod 600)", mode);
    }
    if (status.st_uid != 0 && status.st_uid != ::geteuid()) {
        return fmt::format("belongs to user {}; accepted: root or the user that runs this (chown root)", status.st_uid);
    }
    return {};
}

}  // namespace

bool is_untouched(int directory, const std::string& name, int flags, const FileStamp& stamp) {
    struct stat status {};
    return ::fstatat(directory, name.c_str(), &status, flags) == 0 && stamp_of(status) == stamp;
}

Result<std::string> read_all(const UniqueFd& fd, std::size_t limit, FileStamp& stamp) {
    if (!fd.valid()) return fail_errno("cannot be opened", errno);
    struct stat status {};
    if (::fstat(fd.get(), &status) != 0) return fail_errno("cannot be examined", errno);
    if (!S_ISREG(status.st_mode)) return fail(ErrorCode::kInvalid, "is no regular file");
    if (static_cast<std::size_t>(status.st_size) > limit) {
        return fail(ErrorCode::kInvalid, fmt::format("has {} bytes; accepted: up to {}", status.st_size, limit));
    }
    stamp = stamp_of(status);
    // One byte more than expected: this detects a growing file without reallocating text that may be a key.
    std::string text(static_cast<std::size_t>(status.st_size) + 1, '\0');
    std::size_t used = 0;
    while (used < text.size()) {
        const ssize_t got = ::read(fd.get(), text.data() + used, text.size() - used);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return fail_errno("cannot be read", errno);
        if (got == 0) break;
        used += static_cast<std::size_t>(got);
    }
    text.resize(used);
    return text;
}

FileReader::FileReader(std::string directory, bool are_secret)
    : directory_(std::move(directory)),
      are_secret_(are_secret),
      root_(::open(directory_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
    open_error_ = root_.valid() ? 0 : errno;
}

void FileReader::read(const NamedSecret& name, Secrets& to) {
    if (!is_secret_name(name.ref.name) || to.has(name)) return;
    const auto refuse = [&](std::string_view problem) {
        to.put_problem(name.ref, fmt::format("{}/{} {}", directory_, name.ref.name, problem), name.form);
    };
    const UniqueFd fd = open(name.ref.name);
    if (!fd.valid()) return refuse(open_problem(errno, name.made_with));
    if (const std::string problem = are_secret_ ? access_problem(fd) : ""; !problem.empty()) return refuse(problem);
    auto text = read_all(fd, limit_of(name.form), stamps_[name.ref.name]);
    if (!text) return refuse(text.error().what);
    const std::string problem = put_content(name, *text, to);
    wipe(*text);
    if (!problem.empty()) refuse(problem);
}

FileStamp FileReader::stamp(const SecretRef& ref) const {
    const auto found = stamps_.find(ref.name);
    return found == stamps_.end() ? FileStamp{} : found->second;
}

bool FileReader::untouched(const SecretRef& ref, const FileStamp& stamp) const {
    return root_.valid() && is_untouched(root_.get(), ref.name, AT_SYMLINK_NOFOLLOW, stamp);
}

// Step by step, so that no part of the name is a symbolic link. O_NONBLOCK: a FIFO must not block us.
UniqueFd FileReader::open(std::string_view name) const {
    if (!root_.valid()) {
        errno = open_error_;
        return {};
    }
    UniqueFd at = root_.duplicate();
    while (at.valid()) {
        const auto slash = name.find('/');
        const std::string part(name.substr(0, slash));
        const bool last = slash == std::string_view::npos;
        const int flags = O_RDONLY | O_CLOEXEC | O_NOFOLLOW | (last ? O_NONBLOCK | O_NOCTTY : O_DIRECTORY);
        UniqueFd next(::openat(at.get(), part.c_str(), flags));
        if (last || !next.valid()) return next;
        at = std::move(next);
        name.remove_prefix(slash + 1);
    }
    return {};
}

}  // namespace warren::config
