#include "bench/wgblast/foreign_socket.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <sched.h>
#include <sys/socket.h>

#include <cerrno>

namespace warren::bench {

namespace {

Result<UniqueFd> open_here(const std::string& device, int& number) {
    UniqueFd fd(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd.valid()) return fail_errno("packet socket", errno);
    number = static_cast<int>(::if_nametoindex(device.c_str()));
    if (number == 0) return fail_errno("device " + device, errno);
    const int on = 1;
    if (::setsockopt(fd.get(), SOL_PACKET, PACKET_VNET_HDR, &on, sizeof on) != 0)
        return fail_errno("PACKET_VNET_HDR", errno);
    return fd;
}

}  // namespace

Result<ForeignSocket> ForeignSocket::open(const std::string& network_namespace, const std::string& device) {
    ForeignSocket socket;
    const UniqueFd home(::open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC));
    if (!network_namespace.empty()) {
        const UniqueFd there(::open(network_namespace.c_str(), O_RDONLY | O_CLOEXEC));
        if (!there.valid() || ::setns(there.get(), CLONE_NEWNET) != 0)
            return fail_errno("entering " + network_namespace, errno);
    }
    auto fd = open_here(device, socket.device_);
    if (!network_namespace.empty() && ::setns(home.get(), CLONE_NEWNET) != 0) return fail_errno("coming home", errno);
    if (!fd) return tl::unexpected(std::move(fd.error()));
    socket.fd_ = std::move(*fd);
    return socket;
}

bool ForeignSocket::send(Bytes offload_header_and_packet) {
    sockaddr_ll to{};
    to.sll_family = AF_PACKET;
    to.sll_protocol = htons(ETH_P_IP);
    to.sll_ifindex = device_;
    return ::sendto(fd_.get(), offload_header_and_packet.data(), offload_header_and_packet.size(), MSG_DONTWAIT,
                    reinterpret_cast<const sockaddr*>(&to), sizeof to) >= 0;
}

}  // namespace warren::bench
