#include "fleet/sandbox.h"

#include <fcntl.h>
#include <linux/landlock.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>

#include "base/fd.h"
#include "base/log.h"
#include "base/seccomp/filter.h"

namespace warren::fleet {

namespace {

// To connect to etcd, stackd, vpnd and BIRD; to write what BIRD includes and stackd reads. sched_getaffinity: malloc
// asks for the number of processors when a thread more gets an arena of its own.
constexpr std::array kAllowed{SCMP_SYS(socket),        SCMP_SYS(connect),         SCMP_SYS(shutdown),
                              SCMP_SYS(getsockname),   SCMP_SYS(getpeername),     SCMP_SYS(openat),
                              SCMP_SYS(rename),        SCMP_SYS(renameat),        SCMP_SYS(newfstatat),
                              SCMP_SYS(fstat),         SCMP_SYS(timerfd_settime), SCMP_SYS(eventfd2),
                              SCMP_SYS(epoll_create1), SCMP_SYS(timerfd_create),  SCMP_SYS(pipe2),
                              SCMP_SYS(lseek),         SCMP_SYS(clock_getres),    SCMP_SYS(sendmmsg),
                              SCMP_SYS(access),        SCMP_SYS(faccessat2),      SCMP_SYS(sched_getaffinity)};
constexpr std::array kAllowedFcntls{F_GETFD, F_SETFD};
constexpr std::array<unsigned long, 1> kAllowedIoctls{FIONBIO};
constexpr std::array kAllowedSocketOptions{SocketOption{SOL_SOCKET, SO_RCVTIMEO}, SocketOption{SOL_SOCKET, SO_SNDTIMEO},
                                           SocketOption{SOL_SOCKET, SO_PASSCRED}, SocketOption{SOL_SOCKET, SO_LINGER},
                                           SocketOption{IPPROTO_TCP, TCP_NODELAY}};

constexpr std::uint64_t kRead = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
// All of the first version of Landlock.
constexpr std::uint64_t kHandled = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1U) - 1;

Status allow(int rules, const std::string& path, std::uint64_t access) {
    const UniqueFd opened(::open(path.c_str(), O_PATH | O_CLOEXEC));
    if (!opened.valid()) return fail_errno("open " + path, errno);
    landlock_path_beneath_attr rule{};
    rule.allowed_access = access;
    rule.parent_fd = opened.get();
    if (::syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) != 0)
        return fail_errno("confine to " + path, errno);
    return {};
}

}  // namespace

Status confine_files(const std::string& state, const std::string& sockets, const std::optional<TlsFiles>& tls) {
    landlock_ruleset_attr attributes{};
    attributes.handled_access_fs = kHandled;
    const UniqueFd rules(
        static_cast<int>(::syscall(SYS_landlock_create_ruleset, &attributes, sizeof attributes.handled_access_fs, 0)));
    if (!rules.valid()) {
        log(LogLevel::kWarn, "landlock_missing", {{"error", std::to_string(errno)}});
        return {};
    }
    WARREN_TRY(
        allow(rules.get(), state,
              kRead | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_REMOVE_FILE));
    WARREN_TRY(allow(rules.get(), sockets, LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_REMOVE_FILE));
    // Libraries may read files of the system when they are first used.
    for (const char* path : {"/usr", "/etc/ssl"}) (void)allow(rules.get(), path, kRead);
    // Their directories, since a certificate that is renewed is another file.
    if (tls) {
        for (const std::string& file : {tls->authority, tls->certificate, tls->key}) {
            const std::string directory = file.substr(0, file.find_last_of('/'));
            WARREN_TRY(allow(rules.get(), directory.empty() ? "/" : directory, LANDLOCK_ACCESS_FS_READ_FILE));
        }
    }
    if (::syscall(SYS_landlock_restrict_self, rules.get(), 0) != 0) return fail_errno("confine files", errno);
    return {};
}

Status confine_system_calls() {
    SystemCallFilter filter;
    filter.allow(kAllowed);
    filter.allow_fcntls(kAllowedFcntls);
    filter.allow_ioctls(kAllowedIoctls);
    filter.allow_socket_options(kAllowedSocketOptions);
    return filter.install();
}

}  // namespace warren::fleet
