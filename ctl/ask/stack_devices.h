// The network devices of a namespace, as the kernel has them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/ip.h"
#include "base/result.h"

struct nlmsghdr;  // linux/netlink.h

namespace warren::ctl {

struct StackDevice {
    std::uint32_t index = 0;
    std::string name;
    std::string kind;  // "tun", "veth", ...; "" for a physical device
    std::string alias;
    bool up = false;
    std::uint32_t mtu = 0;
    std::uint32_t master = 0;  // index of the bridge or bond that it is a port of; 0: none
    std::uint32_t link = 0;    // index of the device that it lies on, in the same namespace; 0: none
    std::vector<Prefix> addresses;
    std::uint64_t rx_bytes = 0;
    std::uint64_t tx_bytes = 0;
    std::uint64_t rx_packets = 0;
    std::uint64_t tx_packets = 0;
    std::uint64_t rx_dropped = 0;
    std::uint64_t tx_dropped = 0;
    bool operator==(const StackDevice&) const = default;
};

// Of the calling thread's namespace, by index.
[[nodiscard]] Result<std::vector<StackDevice>> devices_here();
// Of a customer's stack. Enters it in a thread of its own; needs root.
[[nodiscard]] Result<std::vector<StackDevice>> devices_of(const std::string& customer);

// One RTM_NEWLINK message (rtnetlink(7)) whose lengths libmnl has checked; index 0 when it is none.
[[nodiscard]] StackDevice parse_device(const nlmsghdr& message);

// Moves the device `index` of the calling thread's namespace into the namespace `target` under `name`, with `alias`
// ("": none), and, there, up. kConflict: the name is in use there; kUnsupported: such a device cannot move.
[[nodiscard]] Status move_device(std::uint32_t index, int target, const std::string& name, const std::string& alias);

}  // namespace warren::ctl
