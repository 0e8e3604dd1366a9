#include "fleet/sandbox.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <array>

#include "base/seccomp/filter.h"

namespace warren::fleet {

namespace {

// To connect to etcd, stackd, vpnd and BIRD; to write what BIRD includes and stackd reads.
constexpr std::array kAllowed{
    SCMP_SYS(socket),        SCMP_SYS(connect),        SCMP_SYS(shutdown),        SCMP_SYS(getsockname),
    SCMP_SYS(getpeername),   SCMP_SYS(openat),         SCMP_SYS(rename),          SCMP_SYS(renameat),
    SCMP_SYS(newfstatat),    SCMP_SYS(fstat),          SCMP_SYS(timerfd_settime), SCMP_SYS(eventfd2),
    SCMP_SYS(epoll_create1), SCMP_SYS(timerfd_create), SCMP_SYS(pipe2),           SCMP_SYS(lseek),
    SCMP_SYS(clock_getres),  SCMP_SYS(sendmmsg),       SCMP_SYS(access),          SCMP_SYS(faccessat2)};
constexpr std::array kAllowedFcntls{F_GETFD, F_SETFD};
constexpr std::array<unsigned long, 1> kAllowedIoctls{FIONBIO};
constexpr std::array kAllowedSocketOptions{SocketOption{SOL_SOCKET, SO_RCVTIMEO}, SocketOption{SOL_SOCKET, SO_SNDTIMEO},
                                           SocketOption{SOL_SOCKET, SO_PASSCRED}, SocketOption{SOL_SOCKET, SO_LINGER},
                                           SocketOption{IPPROTO_TCP, TCP_NODELAY}};

}  // namespace

Status confine_system_calls() {
    SystemCallFilter filter;
    filter.allow(kAllowed);
    filter.allow_fcntls(kAllowedFcntls);
    filter.allow_ioctls(kAllowedIoctls);
    filter.allow_socket_options(kAllowedSocketOptions);
    return filter.install();
}

}  // namespace warren::fleet
