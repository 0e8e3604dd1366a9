#include "vpnd/sandbox.h"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <array>

#include "base/seccomp/filter.h"

namespace warren::vpnd {

namespace {

// What the loops do after start, beyond what every daemon does.
constexpr std::array kAllowed{SCMP_SYS(recvmmsg), SCMP_SYS(sendmmsg), SCMP_SYS(epoll_pwait2),
                              SCMP_SYS(mlock2),   SCMP_SYS(lseek),    SCMP_SYS(ftruncate)};
// Of the memory that a new stackd brings.
constexpr std::array kAllowedFcntls{F_GET_SEALS};
// The ioctl requests on a TUN device that stackd passed.
constexpr std::array<unsigned long, 3> kAllowedIoctls{TUNGETFEATURES, TUNGETIFF, TUNSETOFFLOAD};
// What may still be set on a socket that stackd opened.
constexpr std::array kAllowedSocketOptions{
    SocketOption{IPPROTO_UDP, UDP_SEGMENT},
    SocketOption{IPPROTO_UDP, UDP_GRO},
    SocketOption{IPPROTO_IP, IP_PKTINFO},
    SocketOption{IPPROTO_IP, IP_RECVTOS},
    SocketOption{IPPROTO_IP, IP_MTU_DISCOVER},
    SocketOption{IPPROTO_IPV6, IPV6_RECVPKTINFO},
    SocketOption{IPPROTO_IPV6, IPV6_RECVTCLASS},
    SocketOption{IPPROTO_IPV6, IPV6_MTU_DISCOVER},
    SocketOption{SOL_SOCKET, SO_RCVBUF},
    SocketOption{SOL_SOCKET, SO_SNDBUF},
    SocketOption{SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF},
};

}  // namespace

Status confine_system_calls() {
    SystemCallFilter filter;
    filter.allow(kAllowed);
    filter.allow_fcntls(kAllowedFcntls);
    filter.allow_ioctls(kAllowedIoctls);
    filter.allow_socket_options(kAllowedSocketOptions);
    return filter.install();
}

}  // namespace warren::vpnd
