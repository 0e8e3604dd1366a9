#include "alerts/rim/sandbox.h"

#include <fcntl.h>
#include <linux/landlock.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>

#include "base/fd.h"
#include "base/sandbox.h"
#include "base/seccomp/filter.h"

namespace warren::alerts {

namespace {

constexpr int kNice = 10;       // packet processing has priority
constexpr int kOomScore = 500;  // and when memory is short, alertd goes early

// Its state, with room: an alertd that is not itself any more cannot fill the disk.
constexpr rlim_t kMostFile = 32U << 20U;

// To resolve names, to connect, to read CAs and the resolver's files, to keep the state.
constexpr std::array kAllowed{SCMP_SYS(connect),     SCMP_SYS(bind),       SCMP_SYS(shutdown),    SCMP_SYS(getsockname),
                              SCMP_SYS(getpeername), SCMP_SYS(sendmmsg),   SCMP_SYS(openat),      SCMP_SYS(fstat),
                              SCMP_SYS(newfstatat),  SCMP_SYS(lseek),      SCMP_SYS(fdatasync),   SCMP_SYS(flock),
                              SCMP_SYS(access),      SCMP_SYS(faccessat2), SCMP_SYS(readlink),    SCMP_SYS(uname),
                              SCMP_SYS(getuid),      SCMP_SYS(geteuid),    SCMP_SYS(getdents64),  SCMP_SYS(eventfd2),
                              SCMP_SYS(pipe2),       SCMP_SYS(fadvise64),  SCMP_SYS(clock_getres)};
// Netlink: the resolver orders addresses by those of this machine.
constexpr std::array kFamilies{AF_INET, AF_INET6, AF_NETLINK};
constexpr std::array kPairFamilies{AF_UNIX};  // libcurl wakes itself by one
constexpr std::array kAllowedFcntls{F_GETFD, F_SETFD};
// The last two: the resolver turns "%eth0" of a nameserver into a number, and back.
constexpr std::array<unsigned long, 4> kAllowedIoctls{FIONBIO, FIONREAD, SIOCGIFINDEX, SIOCGIFNAME};
constexpr std::array kAllowedSocketOptions{
    SocketOption{IPPROTO_TCP, TCP_NODELAY},   SocketOption{IPPROTO_TCP, TCP_KEEPIDLE},
    SocketOption{IPPROTO_TCP, TCP_KEEPINTVL}, SocketOption{SOL_SOCKET, SO_KEEPALIVE},
    SocketOption{IPPROTO_IP, IP_RECVERR},     SocketOption{IPPROTO_IPV6, IPV6_RECVERR},
    SocketOption{IPPROTO_IP, IP_MTU_DISCOVER}};

constexpr std::array<const char*, 6> kReadable{
    "/etc", "/usr", "/run/resolvconf", "/run/systemd/resolve", "/run/NetworkManager", "/run/connman"};
// Of the first version, which every kernel with Landlock knows. Source: Linux Documentation/userspace-api/landlock.rst.
constexpr std::uint64_t kAllFileRights = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1U) - 1;

}  // namespace

Status drop_privileges() {
    set_oom_score(kOomScore);
    WARREN_TRY(warren::drop_privileges());
    const rlimit most_file{kMostFile, kMostFile};
    if (::setrlimit(RLIMIT_FSIZE, &most_file) != 0) return fail_errno("file size limit", errno);
    ::signal(SIGXFSZ, SIG_IGN);  // the write fails instead
    (void)::setpriority(PRIO_PROCESS, 0, kNice);
    return {};
}

// Threads that run already are not confined by Landlock: call it before they start.
Status confine_files() {
    const landlock_ruleset_attr rules{.handled_access_fs = kAllFileRights};
    const UniqueFd ruleset(static_cast<int>(::syscall(SYS_landlock_create_ruleset, &rules, sizeof rules, 0)));
    if (!ruleset.valid()) return fail_errno("there is no Landlock", errno);
    for (const char* path : kReadable) {
        const UniqueFd directory(::open(path, O_PATH | O_CLOEXEC));
        if (!directory.valid()) continue;
        landlock_path_beneath_attr below{};
        below.allowed_access = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
        below.parent_fd = directory.get();
        if (::syscall(SYS_landlock_add_rule, ruleset.get(), LANDLOCK_RULE_PATH_BENEATH, &below, 0) != 0)
            return fail_errno("Landlock", errno);
    }
    if (::syscall(SYS_landlock_restrict_self, ruleset.get(), 0) != 0) return fail_errno("Landlock", errno);
    return {};
}

Status confine_system_calls() {
    SystemCallFilter filter;
    filter.allow(kAllowed);
    filter.allow_fcntls(kAllowedFcntls);
    filter.allow_ioctls(kAllowedIoctls);
    filter.allow_families(SCMP_SYS(socket), kFamilies);
    filter.refuse_family(SCMP_SYS(socket), AF_UNIX);  // the resolver asks for nscd there
    filter.allow_families(SCMP_SYS(socketpair), kPairFamilies);
    filter.allow_socket_options(kAllowedSocketOptions);
    return filter.install();
}

}  // namespace warren::alerts
