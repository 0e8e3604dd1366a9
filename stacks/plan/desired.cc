#include "stacks/plan/desired.h"

#include <algorithm>
#include <map>

#include "base/bytes.h"
#include "base/fingerprint.h"
#include "config/nat_map.h"

namespace warren::stacks {

namespace {

constexpr std::size_t kMaxDeviceName = 15;  // IFNAMSIZ - 1
constexpr const char* kOwnerPrefix = "warren run-dir=";
constexpr const char* kOwnerMiddle = " customer=";
constexpr const char* kPhysicalPrefix = "warren handoff=physical parent=";

Handoff desired_handoff(const config::Handoff& from, const std::string& customer) {
    Handoff handoff;
    handoff.type = from.type;
    handoff.parent = from.parent;
    handoff.vlan_id = from.vlan_id;
    handoff.addresses = from.addresses;
    handoff.mtu = from.mtu;
    // The bridge of a veth's far end can be changed in place, so the mark does not include it.
    handoff.mark = std::string("warren handoff=") + name_of(from.type);
    if (from.type == config::HandoffType::kVeth) {
        handoff.outer = outer_name(customer);
    } else {
        handoff.mark += " parent=" + from.parent;
    }
    if (from.vlan_id) handoff.mark += " vlan=" + std::to_string(*from.vlan_id);
    return handoff;
}

// Maps a prefix to its device: a connected network or a route, by the device it leaves on.
struct Way {
    Prefix prefix;
    std::string device;
};

bool covers(const Prefix& wide, const Prefix& narrow) {
    return wide.address.family == narrow.address.family && wide.length < narrow.length && wide.contains(narrow.address);
}

std::vector<Way> connected(const DesiredStack& stack) {
    std::vector<Way> ways;
    for (const Prefix& address : stack.addresses) ways.push_back({address.network(), kTunnelDevice});
    if (!stack.handoff) return ways;
    for (const Prefix& address : stack.handoff->addresses) ways.push_back({address.network(), kHandoffDevice});
    return ways;
}

// The device that reaches a gateway: the longest match; the tunnels when nothing matches (the kernel then says what is
// wrong).
std::string device_towards(const IpAddress& gateway, const std::vector<Way>& ways) {
    const Way* best = nullptr;
    for (const Way& way : ways) {
        if (way.prefix.contains(gateway) && (best == nullptr || way.prefix.length > best->prefix.length)) best = &way;
    }
    return best == nullptr ? kTunnelDevice : best->device;
}

// The networks behind the customer's tunnels, and the queue of vpn0 that serves each.
template <typename Use>
void for_each_network(const config::Customer& customer, std::size_t queues, const Use& use) {
    for (const config::Peer& peer : customer.peers) {
        const std::uint16_t queue = queue_of(config::identity_of(peer.tunnel), queues);
        if (!peer.enabled) continue;
        for (const Prefix& network : config::stack_networks(customer, peer)) use(network.network(), queue);
    }
    for (std::size_t i = 0; customer.ipsec && i < customer.ipsec->connections.size(); ++i) {
        const config::Connection& connection = customer.ipsec->connections[i];
        if (!connection.enabled) continue;
        const std::uint16_t queue = queue_of(config::identity_of(*customer.ipsec, connection), queues);
        for (const config::Child& child : config::children_of(connection)) {
            for (const Prefix& route : child.routes) use(route.network(), queue);
        }
        for (const Prefix& pool : connection.pool) use(pool.network(), queue);
    }
}

// What is behind tunnels leads to vpn0, static routes to the device that reaches their gateway. A static route wins
// over the same network of a tunnel.
std::vector<Route> routes_to_use(const config::Customer& customer, const DesiredStack& stack) {
    std::map<Prefix, Route> by_prefix;
    std::vector<Way> ways = connected(stack);
    for_each_network(customer, 1, [&](const Prefix& network, std::uint16_t /*queue*/) {
        by_prefix[network] = {network, RouteType::kUnicast, kTunnelDevice, std::nullopt, kRouteMetric};
        ways.push_back({network, kTunnelDevice});
    });
    for (const config::StaticRoute& route : customer.stack.routes) {
        by_prefix[route.to.network()] = {route.to.network(), RouteType::kUnicast, device_towards(route.via, ways),
                                         route.via, kRouteMetric};
    }
    std::vector<Route> routes;
    for (auto& [prefix, route] : by_prefix) routes.push_back(std::move(route));
    // The kernel needs the route to the gateway first.
    std::stable_partition(routes.begin(), routes.end(), [](const Route& route) { return !route.via; });
    return routes;
}

std::vector<SteeringEntry> steering_of(const config::Customer& customer, std::uint16_t queues) {
    std::vector<SteeringEntry> entries;
    for_each_network(customer, queues, [&entries](const Prefix& network, std::uint16_t queue) {
        entries.push_back({network, queue});
    });
    return entries;
}

// While a device is down its routes are gone, and a less specific route over another device would carry the traffic. A
// guard prevents that.
void add_guards(const DesiredStack& stack, std::vector<Route>& routes) {
    std::vector<Way> ways = connected(stack);
    for (const Route& route : routes) ways.push_back({route.to, route.device});
    std::map<std::string, std::vector<Prefix>> by_device;
    for (const Way& way : ways) by_device[way.device].push_back(way.prefix);
    std::map<Prefix, Route> guards;
    const auto guard = [&guards](const Prefix& prefix) {
        guards[prefix] = {prefix, RouteType::kUnreachable, "", std::nullopt, kGuardMetric};
    };
    guard({IpAddress{Family::kV4, {}}, 0});
    guard({IpAddress{Family::kV6, {}}, 0});
    for (const Way& narrow : ways) {
        for (const auto& [device, wide_prefixes] : by_device) {
            if (device == narrow.device) continue;
            const auto leaks = [&narrow](const Prefix& wide) { return covers(wide, narrow.prefix); };
            if (std::any_of(wide_prefixes.begin(), wide_prefixes.end(), leaks)) guard(narrow.prefix);
        }
    }
    std::vector<Route> all;
    for (auto& [prefix, route] : guards) all.push_back(std::move(route));
    std::move(routes.begin(), routes.end(), std::back_inserter(all));
    routes = std::move(all);
}

}  // namespace

const char* name_of(config::HandoffType type) {
    switch (type) {
        case config::HandoffType::kVeth: return "veth";
        case config::HandoffType::kMacvlan: return "macvlan";
        case config::HandoffType::kVlan: return "vlan";
        case config::HandoffType::kPhysical: return "physical";
    }
    return "veth";
}

std::string namespace_name(const std::string& customer) {
    return kNamespacePrefix + customer;
}

std::string outer_name(const std::string& customer) {
    const std::string plain = "wr-" + customer;
    if (plain.size() <= kMaxDeviceName) return plain;
    return "wr-" + fingerprint(as_bytes(customer)).substr(0, kMaxDeviceName - 3);
}

std::string owner_mark(const std::string& run_dir, const std::string& customer) {
    return kOwnerPrefix + run_dir + kOwnerMiddle + customer;
}

std::optional<std::string> run_dir_of(const std::string& owner) {
    const std::string prefix = kOwnerPrefix;
    const std::size_t middle = owner.rfind(kOwnerMiddle);
    if (!owner.starts_with(prefix) || middle == std::string::npos || middle < prefix.size()) return std::nullopt;
    return owner.substr(prefix.size(), middle - prefix.size());
}

std::optional<std::string> home_of(const std::string& handoff_mark) {
    const std::string prefix = kPhysicalPrefix;
    if (!handoff_mark.starts_with(prefix)) return std::nullopt;
    return handoff_mark.substr(prefix.size());
}

std::string moved_mark(const std::string& home) {
    return kPhysicalPrefix + home;
}

std::uint16_t queue_of(const PeerIdentity& peer, std::size_t queues) {
    return static_cast<std::uint16_t>(load_le<std::uint64_t>(peer.bytes.data()) % queues);
}

DesiredStack desired_stack(const config::Customer& customer, const std::string& run_dir, std::uint32_t workers,
                           std::uint32_t neighbours) {
    DesiredStack stack;
    stack.customer = customer.id;
    stack.name = namespace_name(customer.id);
    stack.owner = owner_mark(run_dir, customer.id);
    stack.mtu = customer.stack.mtu;
    stack.queues = static_cast<std::uint16_t>(std::min<std::uint32_t>(customer.stack.queues, workers));
    stack.addresses = customer.stack.addresses;
    if (stack.queues > 1) stack.steering = steering_of(customer, stack.queues);
    if (customer.handoff) stack.handoff = desired_handoff(*customer.handoff, customer.id);
    if (stack.handoff) stack.handoff->is_down = customer.state == config::CustomerState::kStandby;
    stack.routes = routes_to_use(customer, stack);
    add_guards(stack, stack.routes);
    stack.sysctls = stack_sysctls();
    const std::vector<Prefix> lan = stack.handoff ? stack.handoff->addresses : std::vector<Prefix>();
    std::vector<Prefix> behind_handoff;
    for (const Route& route : stack.routes) {
        if (route.device == kHandoffDevice) behind_handoff.push_back(route.to);
    }
    stack.firewall = with_policy(default_firewall(has_neighbours(customer) ? neighbours : 0, lan,
                                                  customer.stack.clamp_mss, customer.stack.devices),
                                 policy_of(customer, behind_handoff));
    // The kernel has none over a device that is down.
    if (stack.handoff && stack.handoff->is_down)
        std::erase_if(stack.routes, [](const Route& route) { return route.device == kHandoffDevice; });
    for (const config::Peer& peer : customer.peers) {
        if (peer.enabled && peer.endpoint && !peer.endpoint->zone.empty())
            stack.zones.push_back({peer.name, peer.endpoint->zone});
    }
    return stack;
}

bool has_neighbours(const config::Customer& customer) {
    return customer.handoff.has_value() || !customer.stack.devices.empty();
}

}  // namespace warren::stacks
