#include "ctl/ask/netns.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <system_error>

#include "base/kernel_names.h"
#include "config/parse.h"

namespace warren::ctl {

namespace {

std::string name_of_stack(const std::string& customer) {
    return kNamespacePrefix + customer;
}

// Mounts the files of /etc/netns/NAME over those of /etc with the same name. A file that has no counterpart is skipped.
Status bind_etc(const std::string& name) {
    const std::string directory = "/etc/netns/" + name;
    const std::unique_ptr<DIR, int (*)(DIR*)> dir(::opendir(directory.c_str()), &::closedir);
    if (dir == nullptr) return {};
    while (const dirent* entry = ::readdir(dir.get())) {
        const std::string file = entry->d_name;
        if (file == "." || file == "..") continue;
        const std::string from = fmt::format("{}/{}", directory, file);
        const std::string to = "/etc/" + file;
        if (::mount(from.c_str(), to.c_str(), "none", MS_BIND, nullptr) != 0 && errno != ENOENT) {
            return fail_errno(fmt::format("bind {} over {}", from, to), errno);
        }
    }
    return {};
}

}  // namespace

Status enter_mounts(const std::string& name) {
    if (::unshare(CLONE_NEWNS) != 0) return fail_errno("make a mount namespace", errno);
    if (::mount("", "/", "none", MS_SLAVE | MS_REC, nullptr) != 0) return fail_errno("keep mounts to ourselves", errno);
    struct statvfs old {};
    const bool was_read_only = ::statvfs("/sys", &old) == 0 && (old.f_flag & ST_RDONLY) != 0;
    if (::umount2("/sys", MNT_DETACH) != 0 && errno != EINVAL)
        return fail_errno("unmount /sys", errno);  // EINVAL: nothing is mounted there
    const unsigned long flags = was_read_only ? MS_RDONLY : 0;
    if (::mount(name.c_str(), "/sys", "sysfs", flags, nullptr) != 0) return fail_errno("mount /sys", errno);
    return bind_etc(name);
}

Result<UniqueFd> open_stack(const std::string& customer) {
    if (!config::is_customer_id(customer)) {
        return fail(ErrorCode::kInvalid,
                    fmt::format("\"{}\" is no customer's id (a lower-case letter, then up to 30 of a-z, 0-9, \"-\")",
                                customer));
    }
    const std::string path = std::string(kNamespaceDirectory) + "/" + name_of_stack(customer);
    UniqueFd stack(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (stack.valid()) return stack;
    if (errno == ENOENT)
        return fail(
            ErrorCode::kNotFound,
            fmt::format("customer {} has no stack here ({}: no such file); see vpnctl customers", customer, path));
    return fail_errno(path, errno);
}

Status enter(const UniqueFd& stack, const std::string& customer) {
    if (::setns(stack.get(), CLONE_NEWNET) == 0) return {};
    if (errno == EPERM)
        return fail(ErrorCode::kPermission,
                    fmt::format("not allowed to enter the stack of customer {}; run this as root", customer));
    return fail_errno(fmt::format("enter the stack of customer {}", customer), errno);
}

Error become_in_stack(const std::string& customer, const std::vector<std::string>& program) {
    const auto stack = open_stack(customer);
    if (!stack) return stack.error();
    if (const auto entered = enter(*stack, customer); !entered) return entered.error();
    if (const auto mounted = enter_mounts(name_of_stack(customer)); !mounted) return mounted.error();
    std::vector<char*> arguments;
    for (const std::string& argument : program)
        arguments.push_back(const_cast<char*>(argument.c_str()));  // execvp does not write to them
    arguments.push_back(nullptr);
    ::execvp(arguments[0], arguments.data());
    return fail_errno(program[0], errno).value();
}

}  // namespace warren::ctl
