// The rtnetlink messages that stackd uses: requests as bytes, dumps as values. PURE. Source: rtnetlink(7).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "stacks/kernel/netlink_message.h"
#include "stacks/plan/learned.h"
#include "stacks/plan/observed.h"

namespace warren::stacks::rtnetlink {

// Requests. A device is named by its index in the namespace of the socket that the request is sent on.
[[nodiscard]] NetlinkRequest set_alias(std::uint32_t index, const std::string& alias);
[[nodiscard]] NetlinkRequest set_up(std::uint32_t index, bool up);
[[nodiscard]] NetlinkRequest set_multicast_off(std::uint32_t index);
[[nodiscard]] NetlinkRequest set_mtu(std::uint32_t index, std::uint32_t mtu);
[[nodiscard]] NetlinkRequest set_queue_length(std::uint32_t index, std::uint32_t packets);
[[nodiscard]] NetlinkRequest set_name(std::uint32_t index, const std::string& name);
// `master` 0: of none.
[[nodiscard]] NetlinkRequest set_master(std::uint32_t index, std::uint32_t master);
[[nodiscard]] NetlinkRequest set_no_queue(std::uint32_t index);
// Moves a device to the namespace of this descriptor, where it gets this name and alias, all in one call.
[[nodiscard]] NetlinkRequest move_link(std::uint32_t index, int namespace_fd, const std::string& name,
                                       const std::string& alias);
[[nodiscard]] NetlinkRequest delete_link(std::uint32_t index);
[[nodiscard]] NetlinkRequest create_veth(const std::string& name, const std::string& peer);
// Made in the namespace of the descriptor, on `parent` of the socket's own.
[[nodiscard]] NetlinkRequest create_macvlan(const std::string& name, std::uint32_t parent, int namespace_fd);
// The VLAN may be up while `parent` is down; it works as soon as the parent is up.
[[nodiscard]] NetlinkRequest create_vlan(const std::string& name, std::uint32_t parent, std::uint16_t vlan_id,
                                         int namespace_fd);
// A device of a kind that needs no other and no settings: "dummy", "bridge".
[[nodiscard]] NetlinkRequest create_plain(const std::string& name, const std::string& kind);
// The kernel removes it after `seconds`, unless the same is put again; usable at once.
[[nodiscard]] NetlinkRequest put_address_for(std::uint32_t index, const Prefix& prefix, std::uint32_t seconds);
// `no_dad`: usable at once, without duplicate address detection (IPv6).
[[nodiscard]] NetlinkRequest add_address(std::uint32_t index, const Prefix& prefix, bool no_dad);
[[nodiscard]] NetlinkRequest remove_address(std::uint32_t index, const Prefix& prefix);
// `index` of route.device; 0 for an unreachable one.
[[nodiscard]] NetlinkRequest put_route(const Route& route, std::uint32_t index);
[[nodiscard]] NetlinkRequest remove_route(const Route& route);

[[nodiscard]] NetlinkRequest dump_links();
[[nodiscard]] NetlinkRequest dump_addresses();
// Only routes of kRouteProtocol, where the kernel filters.
[[nodiscard]] NetlinkRequest dump_routes(Family family);
// Only BIRD's, where the kernel filters.
[[nodiscard]] NetlinkRequest dump_learned(Family family);
[[nodiscard]] NetlinkRequest find_link(const std::string& name);
[[nodiscard]] NetlinkRequest dump_neighbour_tables();

// Replies. Malformed messages are skipped.
[[nodiscard]] std::vector<Link> parse_links(Bytes messages);
[[nodiscard]] std::vector<DeviceAddress> parse_addresses(Bytes messages, const std::vector<Link>& links);
// How many seconds each address of a device will still be there; UINT32_MAX: for ever.
[[nodiscard]] std::map<IpAddress, std::uint32_t> parse_lifetimes(Bytes messages, std::uint32_t index);
[[nodiscard]] std::vector<Route> parse_routes(Bytes messages, const std::vector<Link>& links);
// Appends those of BIRD in the main table. `tunnel`: the index of vpn0.
void parse_learned(Bytes messages, std::uint32_t tunnel, std::vector<LearnedRoute>& out);
// A table that is not in the dump has 0 entries.
[[nodiscard]] NeighbourTables parse_neighbour_tables(Bytes messages);

}  // namespace warren::stacks::rtnetlink
