// How large the kernel's neighbour tables must be, and how much of them one stack gets. They are shared by all network
// namespaces: a full one takes the uplink and every customer's LAN down. PURE. Source: Linux net/core/neighbour.c.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>

namespace warren::stacks {

// The most entries of a table, net.ipv4.neigh.default.gc_thresh3 and the same of ipv6.
struct NeighbourTables {
    std::uint32_t v4 = 0;
    std::uint32_t v6 = 0;
    auto operator<=>(const NeighbourTables&) const = default;
};

// Elements of each set of neighbours in a stack's firewall: hosts of its LAN, and beyond the operator's devices, that
// are used within two minutes.
inline constexpr std::uint32_t kMostNeighbours = 1024;
inline constexpr std::uint32_t kLeastNeighbours = 16;

// What `stacks` with a LAN, or with devices of the operator's, need at most, and a reserve for the uplink.
[[nodiscard]] std::uint32_t needed_entries(std::size_t stacks);

// The size of each set, a power of two, so that all stacks at their bounds leave the uplink its reserve in tables of
// this size; at least kLeastNeighbours, even if the tables are too small for that.
[[nodiscard]] std::uint32_t neighbours_per_stack(std::size_t stacks, const NeighbourTables& tables);

}  // namespace warren::stacks
