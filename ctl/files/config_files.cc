#include "ctl/files/config_files.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>

#include "base/printable.h"
#include "ctl/files/files.h"
#include "ctl/files/staged_tree.h"

namespace warren::ctl {

namespace fs = std::filesystem;

namespace {

// A backup has files alone: what it would leave out without a word is an error.
Status check_entry(const std::string& path, const std::string& name, const struct stat& about) {
    if (name.find('\n') != std::string::npos)
        return fail(ErrorCode::kInvalid, printable(path) + " has a name of two lines; no backup can have it");
    if (!S_ISREG(about.st_mode))
        return fail(ErrorCode::kInvalid, path + " is neither a file nor a directory; no backup can have it");
    return {};
}

}  // namespace

Result<std::vector<BackupFile>> read_config_files(const std::string& directory) {
    std::vector<BackupFile> out;
    std::error_code error;
    auto it = fs::recursive_directory_iterator(directory, error);
    for (; !error && it != fs::recursive_directory_iterator(); it.increment(error)) {
        const std::string path = it->path().string();
        const std::string name = it->path().lexically_relative(directory).string();
        if (it.depth() == 0 && !is_backup_root(name)) {
            it.disable_recursion_pending();
            continue;
        }
        struct stat about {};
        if (::lstat(path.c_str(), &about) != 0) return fail_errno("read " + path, errno);
        if (S_ISDIR(about.st_mode)) continue;
        if (S_ISLNK(about.st_mode) && ::stat(path.c_str(), &about) != 0) return fail_errno("read " + path, errno);
        WARREN_TRY(check_entry(path, name, about));
        if (name.ends_with(".new")) continue;
        if (!is_backup_name(name)) return fail(ErrorCode::kInvalid, path + " is no directory; no backup can have it");
        auto text = read_text(path);
        if (!text) return tl::unexpected<Error>(text.error());
        out.push_back({name, about.st_mode & 0777U, crypto::SecretBuffer(as_bytes(*text))});
        crypto::wipe({reinterpret_cast<std::uint8_t*>(text->data()), text->size()});
    }
    if (error) return fail(ErrorCode::kFailed, directory + ": " + error.message());
    std::sort(out.begin(), out.end(), [](const BackupFile& a, const BackupFile& b) { return a.name < b.name; });
    return out;
}

}  // namespace warren::ctl
