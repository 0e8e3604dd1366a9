#include "ctl/files/staged_tree.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>

#include "base/fd.h"
#include "ctl/files/files.h"

namespace warren::ctl {

namespace {

namespace fs = std::filesystem;

constexpr std::array<std::string_view, 5> kRoots{"warren.toml", "users.toml", "customers", "secrets", "certs"};

// As `about`, which may be of somebody else's: who may not give a file away keeps it.
Status give(const std::string& path, const struct stat& about, bool is_link = false) {
    if (::lchown(path.c_str(), about.st_uid, about.st_gid) != 0 && errno != EPERM)
        return fail_errno("keep the owner of " + path, errno);
    if (!is_link && ::chmod(path.c_str(), about.st_mode & 07777U) != 0)
        return fail_errno("keep the mode of " + path, errno);
    return {};
}

Status copy_file(const std::string& from, const std::string& to, const struct stat& about) {
    auto text = read_text(from);
    if (!text) return tl::unexpected<Error>(text.error());
    Status done = create_file(to, *text, about.st_mode & 0777U);
    crypto::wipe({reinterpret_cast<std::uint8_t*>(text->data()), text->size()});
    return done ? give(to, about) : done;
}

Status copy_link(const std::string& from, const std::string& to, const struct stat& about) {
    std::error_code error;
    fs::copy_symlink(from, to, error);
    if (error) return fail(ErrorCode::kFailed, "copy " + from + ": " + error.message());
    return give(to, about, true);
}

// A directory and all that is in it, too.
Status copy_entry(const std::string& from, const std::string& to) {
    struct stat about {};
    if (::lstat(from.c_str(), &about) != 0) return fail_errno("read " + from, errno);
    if (S_ISREG(about.st_mode)) return copy_file(from, to, about);
    if (S_ISLNK(about.st_mode)) return copy_link(from, to, about);
    if (!S_ISDIR(about.st_mode))
        return fail(ErrorCode::kInvalid, from + " is neither a file nor a directory nor a link");
    if (::mkdir(to.c_str(), 0700) != 0) return fail_errno("make " + to, errno);
    std::error_code error;
    for (auto it = fs::directory_iterator(from, error); !error && it != fs::directory_iterator(); it.increment(error))
        WARREN_TRY(copy_entry(it->path().string(), to + "/" + it->path().filename().string()));
    if (error) return fail(ErrorCode::kFailed, "read " + from + ": " + error.message());
    return give(to, about);
}

// As it is in the present directory, if it is there.
Status make_directory(const std::string& path, const std::string& like, mode_t usual) {
    struct stat about {};
    WARREN_TRY(ensure_directory(path, usual));
    return ::stat(like.c_str(), &about) == 0 && S_ISDIR(about.st_mode) ? give(path, about) : Status();
}

mode_t usual_mode(std::string_view name) {
    return name.starts_with("secrets") ? 0700 : 0755;
}

}  // namespace

bool is_backup_root(std::string_view name) {
    return std::find(kRoots.begin(), kRoots.end(), name) != kRoots.end();
}

StagedTree::StagedTree(std::string directory, std::string kept)
    : directory_(std::move(directory)), path_(std::move(kept)) {
    struct stat about {};
    replaces_ = ::lstat(directory_.c_str(), &about) == 0;
}

StagedTree::~StagedTree() {
    std::error_code ignored;
    if (is_ours_) fs::remove_all(path_, ignored);
}

Status StagedTree::write(const std::vector<BackupFile>& files) {
    if (::mkdir(path_.c_str(), 0700) != 0) {
        if (errno == EEXIST) return fail(ErrorCode::kConflict, path_ + " is there already", EEXIST);
        return fail_errno("make " + path_, errno);
    }
    is_ours_ = true;
    if (replaces_) WARREN_TRY(copy_others());
    for (const std::string name : {"customers", "secrets", "certs"})
        WARREN_TRY(make_directory(path_ + "/" + name, directory_ + "/" + name, usual_mode(name)));
    for (const BackupFile& file : files) {
        for (auto slash = file.name.find('/'); slash != std::string::npos; slash = file.name.find('/', slash + 1)) {
            const std::string parent = file.name.substr(0, slash);
            WARREN_TRY(make_directory(path_ + "/" + parent, directory_ + "/" + parent, usual_mode(parent)));
        }
        const std::string path = path_ + "/" + file.name;
        const Bytes bytes = file.content.reveal();
        WARREN_TRY(create_file(path, {reinterpret_cast<const char*>(bytes.data()), bytes.size()},
                               static_cast<mode_t>(file.mode)));
        // Who else may read a file here still may; elsewhere it belongs to who restores it.
        struct stat about {};
        if (::stat((directory_ + "/" + file.name).c_str(), &about) == 0)
            (void)!::chown(path.c_str(), about.st_uid, about.st_gid);
    }
    struct stat about {};
    if (::stat(directory_.c_str(), &about) == 0) return give(path_, about);
    return ::chmod(path_.c_str(), 0755) == 0 ? Status() : fail_errno("make " + path_, errno);
}

Status StagedTree::copy_others() {
    std::error_code error;
    for (auto it = fs::directory_iterator(directory_, error); !error && it != fs::directory_iterator();
         it.increment(error)) {
        const std::string name = it->path().filename().string();
        if (!is_backup_root(name)) WARREN_TRY(copy_entry(it->path().string(), path_ + "/" + name));
    }
    if (error) return fail(ErrorCode::kFailed, "read " + directory_ + ": " + error.message());
    return {};
}

Status StagedTree::take_place() {
    const UniqueFd staged(::open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!staged.valid() || ::syncfs(staged.get()) != 0) return fail_errno("sync " + path_, errno);
    if (::renameat2(AT_FDCWD, path_.c_str(), AT_FDCWD, directory_.c_str(),
                    replaces_ ? RENAME_EXCHANGE : RENAME_NOREPLACE) != 0)
        return fail_errno("give " + path_ + " the name " + directory_, errno);
    is_ours_ = false;
    sync_directory_of(directory_);
    return {};
}

}  // namespace warren::ctl
