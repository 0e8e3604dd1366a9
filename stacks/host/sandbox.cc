#include "stacks/host/sandbox.h"

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>

#include "base/sandbox.h"

namespace warren::stacks {

namespace {

constexpr int kOomScore = -900;  // spare stackd
constexpr std::array kKept = {
    CAP_NET_ADMIN,         // devices, addresses, routes, firewall, sysctls, SO_RCVBUFFORCE
    CAP_SYS_ADMIN,         // network namespaces and the mounts that name them
    CAP_NET_BIND_SERVICE,  // a listen_port below 1024
    CAP_KILL,              // vpnd runs as another user, and stackd must be able to stop it
};
constexpr std::array kKeptToBecomeOthers = {
    CAP_SETUID,   // vpnd runs as another user
    CAP_SETGID,   // the same
    CAP_SETPCAP,  // and has an empty bounding set
};

std::uint64_t kept_mask(bool becomes_others) {
    std::uint64_t mask = 0;
    for (const int capability : kKept) mask |= std::uint64_t{1} << capability;
    if (!becomes_others) return mask;
    for (const int capability : kKeptToBecomeOthers) mask |= std::uint64_t{1} << capability;
    return mask;
}

void raise(__rlimit_resource resource, rlim_t to) {
    rlimit limit{to, to};
    if (::setrlimit(resource, &limit) == 0) return;
    if (::getrlimit(resource, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    (void)::setrlimit(resource, &limit);
}

}  // namespace

void raise_limits() {
    rlimit files{};
    if (::getrlimit(RLIMIT_NOFILE, &files) == 0) raise(RLIMIT_NOFILE, files.rlim_max);
    raise(RLIMIT_MEMLOCK, RLIM_INFINITY);
    set_oom_score(kOomScore);
}

Status drop_capabilities(bool becomes_others) {
    const std::uint64_t mask = kept_mask(becomes_others);
    // Used up at the start, for changes in the stacks. Without CAP_SETPCAP it cannot leave the bounding set, which
    // matters little when a launcher starts all programs.
    const std::uint64_t start = becomes_others ? 0 : std::uint64_t{1} << CAP_NET_BROADCAST;
    if (!drop_bounding_set(mask | start)) return fail_errno("drop capabilities", errno);
    __user_cap_header_struct header{};
    header.version = _LINUX_CAPABILITY_VERSION_3;
    std::array<__user_cap_data_struct, 2> sets{};
    if (::syscall(SYS_capget, &header, sets.data()) != 0) return fail_errno("read capabilities", errno);
    for (std::size_t i = 0; i < sets.size(); ++i) {
        const auto word = static_cast<std::uint32_t>(mask >> (32 * i));
        sets[i].permitted &= word;
        sets[i].effective = sets[i].permitted;
        sets[i].inheritable = 0;
    }
    if (::syscall(SYS_capset, &header, sets.data()) != 0) return fail_errno("drop capabilities", errno);
    if (::prctl(PR_SET_DUMPABLE, 0) != 0) return fail_errno("PR_SET_DUMPABLE", errno);
    return {};
}

}  // namespace warren::stacks
