#include <algorithm>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "config/tunnel_networks.h"
#include "stacks/plan/desired.h"
#include "stacks/plan/services.h"

namespace warren::stacks {

namespace {

constexpr const char* kBegin = R"(# Made by stackd from the customer's file; a change here is lost.
log stderr { info, remote, warning, error, auth, fatal, bug };
)";

constexpr const char* kDevices = R"(protocol device {
  scan time 10;
}
)";

// Above Warren's own routes (kRouteMetric): where both have a network, the kernel takes Warren's.
constexpr std::uint32_t kLearnedMetric = 1024;
static_assert(kLearnedMetric > kRouteMetric && kLearnedMetric < kGuardMetric);

std::string number_of(Family family) {
    return family == Family::kV4 ? "4" : "6";
}

// The networks of the stack, the handoff and the tunnels, and those of static routes. A default route is none: what is
// learned may be more specific than that, but for the neighbours themselves that are reached by it.
std::set<Prefix> own_networks(const config::Customer& customer, const config::TunnelNetworks& tunnels) {
    std::set<Prefix> out;
    const auto add = [&out](const Prefix& network) {
        if (network.length != 0) out.insert(network.network());
    };
    for (const Prefix& each : customer.stack.addresses) add(each);
    if (customer.handoff) {
        for (const Prefix& each : customer.handoff->addresses) add(each);
    }
    for (const config::StaticRoute& each : customer.stack.routes) add(each.to);
    for (const auto& [network, where] : tunnels.all()) add(network);
    for (const config::BgpNeighbour& each : customer.bgp->neighbours) {
        const bool is_in_one = std::any_of(out.begin(), out.end(),
                                           [&each](const Prefix& network) { return network.contains(each.address); });
        if (!is_in_one) add({each.address, static_cast<std::uint8_t>(each.address.bits())});
    }
    return out;
}

// "[ 10.43.0.0/16+, ... ]": these networks and their parts; "": there is none.
template <typename Networks>
std::string parts_of(const Networks& networks, Family family) {
    std::string list;
    for (const Prefix& network : networks) {
        if (network.address.family == family) list += (list.empty() ? "" : ", ") + to_string(network) + "+";
    }
    return list.empty() ? "" : "[ " + list + " ]";
}

std::string own(const std::set<Prefix>& networks, Family family) {
    const std::string list = parts_of(networks, family);
    return list.empty() ? "" : "define own" + number_of(family) + " = " + list + ";\n";
}

// The routes by which neighbours behind tunnels are reached, where no network of the stack's own says so. Not with the
// others: those that are announced lead nowhere here. With the neighbour as the gateway, by which stackd tells whose
// the routes are that it announces: a device alone would have none.
std::string towards_tunnels(const std::vector<IpAddress>& neighbours, Family family) {
    const std::string number = number_of(family);
    std::string routes;
    for (const IpAddress& each : neighbours) {
        if (each.family == family)
            routes += "  route " + to_string(Prefix{each, static_cast<std::uint8_t>(each.bits())}) + " via " +
                      to_string(each) + "%" + kTunnelDevice + " onlink;\n";
    }
    if (routes.empty()) return "";
    return "ipv" + number + " table tunnels" + number + ";\nprotocol static tunnel" + number + " {\n  ipv" + number +
           " { table tunnels" + number + "; };\n" + routes + "}\n";
}

std::string announced(const std::vector<Prefix>& networks, Family family) {
    const std::string number = number_of(family);
    std::string text = "protocol static announced" + number + " {\n  ipv" + number + ";\n";
    for (const Prefix& network : networks) {
        if (network.address.family == family) text += "  route " + to_string(network) + " unreachable;\n";
    }
    return text + "}\nprotocol kernel kernel" + number + " {\n  metric " + std::to_string(kLearnedMetric) + ";\n  ipv" +
           number + " { import none; export where source = RTS_BGP; };\n}\n";
}

// What a neighbour may announce: networks of its list and their parts, but nothing of ours, because a part of a
// tunnel's network would take its packets out of the tunnel.
std::string accepted(const std::vector<Prefix>& networks, const std::set<Prefix>& own_ones, Family family) {
    const std::string list = parts_of(networks, family);
    if (list.empty()) return "none";
    const bool has_own = !own(own_ones, family).empty();
    return "where (net ~ " + list + ")" + (has_own ? " && (net !~ own" + number_of(family) + ")" : "");
}

// Of what was learned, the networks that others are told of, too.
std::string passed_on(const config::Bgp& bgp, Family family) {
    if (bgp.announce) return "";
    const std::string list = parts_of(bgp.allow_learned, family);
    return list.empty() ? "" : " || (source = RTS_BGP && net ~ " + list + ")";
}

// `is_in_tunnel`: it announces what is behind itself, and nothing of another peer's. `is_far`: see towards_tunnels().
std::string channel(const config::Bgp& bgp, const config::BgpNeighbour& neighbour, const std::set<Prefix>& own_ones,
                    bool is_in_tunnel, bool is_far) {
    const Family family = neighbour.address.family;
    const std::string number = number_of(family);
    std::string import = accepted(neighbour.import, own_ones, family);
    if (is_in_tunnel && import != "none") import += " && (bgp_next_hop = " + to_string(neighbour.address) + ")";
    return "  ipv" + number + " {\n" + (is_far ? "    igp table tunnels" + number + ";\n" : "") + "    import " +
           import + ";\n    receive limit " + std::to_string(neighbour.max_prefixes) +
           " action restart;\n    export where proto = \"announced" + number + "\"" + passed_on(bgp, family) +
           ";\n    next hop self;\n  };\n";
}

// It is behind a tunnel of a peer, and may be as the file allows what is learned from there.
bool is_in_tunnel(const config::Customer& customer, const config::TunnelNetworks& tunnels, const IpAddress& address) {
    return !customer.bgp->allow_learned.empty() && tunnels.peer_towards(address) != nullptr;
}

// BIRD finds it in the network of vpn0.
bool is_connected(const config::Customer& customer, const IpAddress& address) {
    const auto& all = customer.stack.addresses;
    return std::any_of(all.begin(), all.end(),
                       [&address](const Prefix& own) { return own.network().contains(address); });
}

// The stack's own address in the neighbour's network; "": not known, the kernel chooses.
std::string local_address(const config::Customer& customer, const IpAddress& neighbour) {
    if (!customer.handoff) return "";
    for (const Prefix& own : customer.handoff->addresses) {
        if (own.network().contains(neighbour)) return to_string(own.address) + " ";
    }
    return "";
}

}  // namespace

std::string bird_text(const config::Customer& customer) {
    const config::Bgp& bgp = *customer.bgp;
    const config::TunnelNetworks tunnels(customer);
    const std::set<Prefix> own_ones = own_networks(customer, tunnels);
    std::vector<Prefix> networks;
    if (bgp.announce) {
        networks = *bgp.announce;
    } else {
        for (const auto& [network, where] : tunnels.all()) {
            if (network.length != 0) networks.push_back(network);
        }
    }
    IpAddress id = bgp.router_id;
    if (id.is_unspecified()) {
        for (const Prefix& own : customer.stack.addresses) {
            if (own.address.is_v4() && id.is_unspecified()) id = own.address;
        }
    }
    std::string text = kBegin;
    text += "router id " + to_string(id) + ";\n" + kDevices;
    text += own(own_ones, Family::kV4) + own(own_ones, Family::kV6);
    text += announced(networks, Family::kV4) + announced(networks, Family::kV6);
    std::vector<IpAddress> far;
    for (const config::BgpNeighbour& each : bgp.neighbours) {
        // To BIRD an internal neighbour is never connected.
        const bool is_direct = is_connected(customer, each.address) && each.asn != bgp.asn;
        if (is_in_tunnel(customer, tunnels, each.address) && !is_direct) far.push_back(each.address);
    }
    text += towards_tunnels(far, Family::kV4) + towards_tunnels(far, Family::kV6);
    std::size_t number = 0;
    for (const config::BgpNeighbour& each : bgp.neighbours) {
        const bool is_far = std::find(far.begin(), far.end(), each.address) != far.end();
        text += "protocol bgp neighbour" + std::to_string(++number) + " {\n  description \"" + each.name +
                "\";\n  local " + local_address(customer, each.address) + "as " + std::to_string(bgp.asn) +
                ";\n  neighbor " + to_string(each.address) + " as " + std::to_string(each.asn) +
                ";\n  error wait time 60, 300;\n" + (is_far ? "  multihop 2;\n" : "") +
                channel(bgp, each, own_ones, is_in_tunnel(customer, tunnels, each.address), is_far) + "}\n";
    }
    return text;
}

}  // namespace warren::stacks
