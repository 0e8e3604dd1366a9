#include "stacks/plan/neighbours.h"

#include <algorithm>
#include <bit>

namespace warren::stacks {

namespace {

constexpr std::uint32_t kReserve = 1024;  // the uplink's gateways and neighbours
// IPv4: next hops and senders of ARP requests have a set each. IPv6: each unresolved next hop has an entry for itself
// and one for its multicast group.
constexpr std::uint32_t kEntriesPerNeighbour = 2;
constexpr std::uint64_t kMostEntries = 1U << 30U;

}  // namespace

std::uint32_t needed_entries(std::size_t stacks) {
    const std::uint64_t needed = kReserve + std::uint64_t{stacks} * kEntriesPerNeighbour * kMostNeighbours;
    return static_cast<std::uint32_t>(std::min(needed, kMostEntries));
}

std::uint32_t neighbours_per_stack(std::size_t stacks, const NeighbourTables& tables) {
    const std::uint32_t entries = std::min(tables.v4, tables.v6);
    const std::uint64_t usable = entries - std::min(entries / 4, kReserve);
    const std::uint64_t each = usable / (std::max<std::uint64_t>(stacks, 1) * kEntriesPerNeighbour);
    return std::bit_floor(
        static_cast<std::uint32_t>(std::clamp<std::uint64_t>(each, kLeastNeighbours, kMostNeighbours)));
}

}  // namespace warren::stacks
