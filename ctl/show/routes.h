// The routes of a customer's stack, as the kernel has them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/ip.h"
#include "base/result.h"

struct nlmsghdr;  // linux/netlink.h

namespace warren::ctl {

struct StackRoute {
    Prefix to;
    std::string type;  // "unicast", "blackhole", "unreachable", ...
    std::optional<IpAddress> via;
    std::uint32_t interface_index = 0;  // 0 = none
    std::string device;                 // of that index, "" = none
    std::vector<std::uint32_t> hops{};  // devices of one that has several next hops, the first one too
    std::uint32_t metric = 0;
    std::string protocol;  // who made it: "kernel", "static", "warren", ... or a number
    bool operator==(const StackRoute&) const = default;
};

// The main table's IPv4 and IPv6 routes, by family, prefix and metric. Enters the stack in a thread of its own; needs
// root.
[[nodiscard]] Result<std::vector<StackRoute>> routes_of(const std::string& customer);

// The same of the calling thread's namespace, in the kernel's order.
[[nodiscard]] Result<std::vector<StackRoute>> routes_here();

// One RTM_NEWROUTE message (rtnetlink(7)) whose lengths libmnl has checked; nothing when it is no route of the main
// table.
[[nodiscard]] std::optional<StackRoute> parse_route(const nlmsghdr& message);

[[nodiscard]] std::string routes_text(const std::vector<StackRoute>& routes);

}  // namespace warren::ctl
