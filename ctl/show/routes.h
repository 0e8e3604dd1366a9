// The routes of a customer's stack, as the kernel has them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/ip.h"
#include "base/result.h"
#include "ipc/learned_facts.h"

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
    // A learned one (ipc/learned_facts.h) is the network of this peer, from this neighbour, or nobody's for this
    // reason; all "": it is no such route, or stackd does not answer.
    std::string peer{};
    std::string neighbour{};
    std::string refused{};
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

// Adds what stackd says of those that BIRD has learned over vpn0.
void note_learned(const std::vector<ipc::LearnedFact>& facts, std::vector<StackRoute>& routes);

// With a column about learned routes where there are some.
[[nodiscard]] std::string routes_text(const std::vector<StackRoute>& routes);

}  // namespace warren::ctl
