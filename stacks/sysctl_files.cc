#include "stacks/sysctl_files.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "base/fd.h"

namespace warren::stacks {

namespace {

// What is found below this directory follows the network namespace of the thread that asks, at the moment it asks.
UniqueFd open_sysctl(const std::string& path, int flags) {
    return UniqueFd(::open(("/proc/sys/net/" + path).c_str(), flags | O_CLOEXEC));
}

}  // namespace

Status write_sysctl(const Sysctl& sysctl) {
    const UniqueFd file = open_sysctl(sysctl.path, O_WRONLY);
    if (!file.valid()) return fail_errno("open sysctl " + sysctl.path, errno);
    const ssize_t written = ::write(file.get(), sysctl.value.data(), sysctl.value.size());
    if (written != static_cast<ssize_t>(sysctl.value.size())) return fail_errno("set sysctl " + sysctl.path + "=" + sysctl.value, errno);
    return {};
}

Result<std::string> read_sysctl(const std::string& path) {
    const UniqueFd file = open_sysctl(path, O_RDONLY);
    if (!file.valid()) return fail_errno("open sysctl " + path, errno);
    std::array<char, 64> text;
    const ssize_t size = ::read(file.get(), text.data(), text.size());
    if (size < 0) return fail_errno("read sysctl " + path, errno);
    std::string value(text.data(), static_cast<std::size_t>(size));
    while (!value.empty() && value.back() == '\n') value.pop_back();
    return value;
}

}  // namespace warren::stacks
