#include "stacks/kernel/tunnel_device.h"

#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <sys/ioctl.h>

#include <cerrno>
#include <cstring>

#include "stacks/plan/desired.h"

namespace warren::stacks {

namespace {

Result<UniqueFd> open_queue(short flags) {
    UniqueFd fd(::open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC));
    if (!fd.valid()) return fail_errno("open /dev/net/tun", errno);
    ifreq request{};
    std::strncpy(request.ifr_name, kTunnelDevice, sizeof request.ifr_name - 1);
    request.ifr_flags = flags;
    if (::ioctl(fd.get(), TUNSETIFF, &request) != 0) return fail_errno("attach to vpn0", errno);
    // To a persistent device without an owner anybody may attach a queue who can open /dev/net/tun, which is everybody
    // on most machines: a program in the stack would read and write what is the tunnels'.
    if (::ioctl(fd.get(), TUNSETOWNER, 0) != 0) return fail_errno("give vpn0 to root", errno);
    if (::ioctl(fd.get(), TUNSETPERSIST, 1) != 0) return fail_errno("make vpn0 persistent", errno);
    return fd;
}

}  // namespace

Result<std::vector<UniqueFd>> open_tunnel_device(std::uint16_t queues) {
    constexpr short kFlags = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR;
    std::vector<UniqueFd> out;
    while (out.size() < queues) {
        auto queue = open_queue(queues == 1 ? kFlags : kFlags | IFF_MULTI_QUEUE);
        if (!queue) return tl::unexpected(std::move(queue).error());
        out.push_back(std::move(*queue));
    }
    return out;
}

}  // namespace warren::stacks
