#include "stacks/kernel/netns.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>

#include "base/check.h"

namespace warren::stacks {

namespace {

std::string path_of(const std::string& name) {
    return std::string(kNamespaceDirectory) + "/" + name;
}

bool is_namespace(int fd) {
    struct statfs about {};
    return ::fstatfs(fd, &about) == 0 && about.f_type == NSFS_MAGIC;
}

// Makes the directory a mount point whose mounts other mount namespaces see, as ip-netns(8) does.
Status prepare_directory() {
    if (::mkdir(kNamespaceDirectory, 0755) != 0 && errno != EEXIST)
        return fail_errno(std::string("create ") + kNamespaceDirectory, errno);
    if (::mount("", kNamespaceDirectory, "none", MS_SHARED | MS_REC, nullptr) == 0) return {};
    if (errno != EINVAL) return fail_errno(std::string("share mounts of ") + kNamespaceDirectory, errno);
    if (::mount(kNamespaceDirectory, kNamespaceDirectory, "none", MS_BIND | MS_REC, nullptr) != 0)
        return fail_errno(std::string("mount ") + kNamespaceDirectory, errno);
    if (::mount("", kNamespaceDirectory, "none", MS_SHARED | MS_REC, nullptr) != 0)
        return fail_errno(std::string("share mounts of ") + kNamespaceDirectory, errno);
    return {};
}

// A file without a mount was left by a crash between creating and mounting.
Status create_mount_point(const std::string& path) {
    for (int tries = 0; tries < 2; ++tries) {
        const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444));
        if (file.valid()) return {};
        if (errno != EEXIST) return fail_errno("create " + path, errno);
        const UniqueFd present(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
        if (present.valid() && is_namespace(present.get()))
            return fail(ErrorCode::kConflict, path + " exists already", EEXIST);
        if (::unlink(path.c_str()) != 0 && errno != ENOENT) return fail_errno("remove " + path, errno);
    }
    return fail(ErrorCode::kConflict, path + " exists already", EEXIST);
}

}  // namespace

Result<InNamespace> InNamespace::enter(int target, int home) {
    if (::setns(target, CLONE_NEWNET) != 0) return fail_errno("enter the namespace", errno);
    return InNamespace(home);
}

Result<InNamespace> InNamespace::enter_new(int home) {
    if (::unshare(CLONE_NEWNET) != 0) return fail_errno("create a network namespace", errno);
    return InNamespace(home);
}

InNamespace::~InNamespace() {
    if (home_ < 0) return;
    const bool is_home = ::setns(home_, CLONE_NEWNET) == 0;
    WARREN_CHECK(is_home);
}

Result<UniqueFd> current_namespace() {
    UniqueFd fd(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
    if (!fd.valid()) return fail_errno("open /proc/thread-self/ns/net", errno);
    return fd;
}

Result<UniqueFd> open_namespace(const std::string& name) {
    const std::string path = path_of(name);
    UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd.valid()) return fail_errno("open " + path, errno);
    if (!is_namespace(fd.get())) return fail(ErrorCode::kNotFound, path + " is no namespace", ENOENT);
    return fd;
}

Result<std::uint64_t> namespace_number(const std::string& name) {
    const auto space = open_namespace(name);
    if (!space) return tl::unexpected(space.error());
    struct stat about {};
    if (::fstat(space->get(), &about) != 0) return fail_errno("stat " + path_of(name), errno);
    return about.st_ino;  // of one file system, nsfs
}

Status name_current_namespace(const std::string& name) {
    static const Status prepared = prepare_directory();
    WARREN_TRY(prepared);
    const std::string path = path_of(name);
    WARREN_TRY(create_mount_point(path));
    if (::mount("/proc/thread-self/ns/net", path.c_str(), "none", MS_BIND, nullptr) == 0) return {};
    const int error = errno;
    ::unlink(path.c_str());
    return fail_errno("mount the namespace on " + path, error);
}

Status remove_namespace_name(const std::string& name) {
    const std::string path = path_of(name);
    if (::umount2(path.c_str(), MNT_DETACH) != 0 && errno != EINVAL && errno != ENOENT)
        return fail_errno("unmount " + path, errno);
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) return fail_errno("remove " + path, errno);
    return {};
}

Result<std::vector<std::string>> namespace_names(const std::string& prefix) {
    std::vector<std::string> names;
    std::error_code error;
    for (auto it = std::filesystem::directory_iterator(kNamespaceDirectory, error);
         !error && it != std::filesystem::directory_iterator(); it.increment(error)) {
        std::string name = it->path().filename().string();
        if (name.starts_with(prefix)) names.push_back(std::move(name));
    }
    if (error && error.value() != ENOENT) return fail_errno(std::string("read ") + kNamespaceDirectory, error.value());
    std::sort(names.begin(), names.end());
    return names;
}

}  // namespace warren::stacks
