#include "stacks/kernel/sysctl_files.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string_view>

namespace warren::stacks {

namespace {

constexpr unsigned kVisitsPerInstance = 32;  // an instance costs as much as a few dozen lookups
constexpr std::string_view kIpv4 = "ipv4/";

// A detached procfs; the mounted one on kernels before 5.2, which cannot do that.
UniqueFd open_procfs() {
    const UniqueFd context(::fsopen("proc", FSOPEN_CLOEXEC));
    if (context.valid() && ::fsconfig(context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) == 0) {
        UniqueFd mount(::fsmount(context.get(), FSMOUNT_CLOEXEC, 0));
        if (mount.valid()) return mount;
    }
    return UniqueFd(::open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC));
}

}  // namespace

SysctlFiles SysctlTree::here() {
    if (visits_++ % kVisitsPerInstance == 0) root_ = open_procfs();
    constexpr int kDirectory = O_PATH | O_DIRECTORY | O_CLOEXEC;
    SysctlFiles files;
    files.refused_ = &refused_;
    files.ipv4_ = UniqueFd(::openat(root_.get(), "sys/net/ipv4", kDirectory));
    files.ipv6_ = UniqueFd(::openat(root_.get(), "sys/net/ipv6", kDirectory));
    return files;
}

UniqueFd SysctlFiles::open(const std::string& path, int flags) const {
    const bool is_ipv4 = path.starts_with(kIpv4);
    return UniqueFd(::openat((is_ipv4 ? ipv4_ : ipv6_).get(), path.c_str() + kIpv4.size(), flags | O_CLOEXEC));
}

Status SysctlFiles::write(const Sysctl& sysctl) const {
    const UniqueFd file = open(sysctl.path, O_WRONLY);
    if (!file.valid() && errno == ENOENT && sysctl.is_optional) return {};
    if (!file.valid()) return fail_errno("open sysctl " + sysctl.path, errno);
    const ssize_t written = ::write(file.get(), sysctl.value.data(), sysctl.value.size());
    if (written < 0 && errno == EINVAL && sysctl.is_optional) {
        refused_->insert(sysctl.path);
        return {};
    }
    if (written != static_cast<ssize_t>(sysctl.value.size()))
        return fail_errno("set sysctl " + sysctl.path + "=" + sysctl.value, errno);
    return {};
}

Result<std::string> SysctlFiles::read(const std::string& path) const {
    if (refused_->contains(path)) return fail(ErrorCode::kNotFound, "the kernel refuses a value for sysctl " + path);
    const UniqueFd file = open(path, O_RDONLY);
    if (!file.valid()) return fail_errno("open sysctl " + path, errno);
    std::array<char, 64> text;
    const ssize_t size = ::read(file.get(), text.data(), text.size());
    if (size < 0) return fail_errno("read sysctl " + path, errno);
    std::string value(text.data(), static_cast<std::size_t>(size));
    while (!value.empty() && value.back() == '\n') value.pop_back();
    return value;
}

}  // namespace warren::stacks
