#include "amend/customer_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <cstdio>

#include "amend/files.h"
#include "base/directory_lock.h"
#include "config/customer_id.h"

namespace warren::amend {

namespace {

Status changed_meanwhile(const std::string& path) {
    return fail(ErrorCode::kConflict, path + " was changed meanwhile");
}

}  // namespace

Result<UniqueFd> lock_configuration(const std::string& directory) {
    return warren::lock_directory(directory);
}

Result<UniqueFd> try_lock_configuration(const std::string& directory) {
    return warren::try_lock_directory(directory);
}

std::string customer_path(const std::string& directory, const std::string& id) {
    return fmt::format("{}/{}", directory, config::customer_file(id));
}

Status check_place(const std::string& directory, const std::string& id) {
    for (const std::string& reseller : config::resellers_of(id)) {
        const std::string file = customer_path(directory, reseller);
        const std::string place = file.substr(0, file.rfind('.'));
        struct stat found {};
        if (::lstat(place.c_str(), &found) == 0 && S_ISLNK(found.st_mode))
            return fail(ErrorCode::kInvalid, place + " is a symbolic link, which is not followed");
    }
    return {};
}

Result<FileState> read_state(const std::string& path) {
    FileState out;
    std::array<char, PATH_MAX> target{};
    const ssize_t length = ::readlink(path.c_str(), target.data(), target.size());
    if (length > 0) out.links_to.assign(target.data(), static_cast<std::size_t>(length));
    struct stat found {};
    if (::stat(path.c_str(), &found) != 0) {
        if (errno == ENOENT) return out;
        return fail_errno("read " + path, errno);
    }
    auto text = read_text(path);
    if (!text) return tl::unexpected<Error>(text.error());
    out.exists = true;
    out.text = std::move(*text);
    out.mode = found.st_mode & 07777U;
    out.owner = found.st_uid;
    out.group = found.st_gid;
    return out;
}

Status check_writable(const std::string& path, const FileState& state) {
    if (state.links_to.empty()) return {};
    return fail(ErrorCode::kInvalid, fmt::format("{} is a symbolic link; edit {}", path, state.links_to));
}

Status write_over(const std::string& path, const FileState& before, std::string_view text) {
    const auto now = read_state(path);
    if (!now) return tl::unexpected<Error>(now.error());
    WARREN_TRY(check_writable(path, *now));
    if (!now->same_text(before)) return changed_meanwhile(path);
    if (!before.exists) {
        // The first customer of a reseller.
        WARREN_TRY(ensure_directory(path.substr(0, path.rfind('/')), 0755));
        return create_file(path, text, before.mode);
    }
    return replace_file(path, text, before.mode, {before.owner, before.group});
}

Status rename_file(const std::string& path, const std::string& to) {
    if (::renameat2(AT_FDCWD, path.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) != 0) {
        if (errno == EEXIST) return fail(ErrorCode::kConflict, to + " is there already", EEXIST);
        return fail_errno("rename " + path, errno);
    }
    sync_directory_of(to);
    return {};
}

Status remove_file(const std::string& path, const FileState& before) {
    const auto now = read_state(path);
    if (!now) return tl::unexpected<Error>(now.error());
    if (!now->same_text(before)) return changed_meanwhile(path);
    if (::unlink(path.c_str()) != 0) return fail_errno("remove " + path, errno);
    sync_directory_of(path);
    return {};
}

}  // namespace warren::amend
