#include "stacks/plan/learned.h"

#include <algorithm>
#include <limits>
#include <string_view>
#include <tuple>
#include <utility>

#include "config/nat_map.h"
#include "config/resellers.h"
#include "config/schema.h"
#include "config/tunnel_networks.h"

namespace warren::stacks {

namespace {

bool covers(const Prefix& wide, const Prefix& narrow) {
    return wide.length <= narrow.length && wide.network().contains(narrow.address);
}

bool overlap(const Prefix& one, const Prefix& other) {
    return covers(one, other) || covers(other, one);
}

// What the file says of one customer, for questions about one route after the other.
class Allowance {
  public:
    explicit Allowance(const config::Customer& customer) : customer_(customer), tunnels_(customer) {
        for (const config::Peer& peer : customer.peers) {
            if (peer.enabled) peers_.push_back(&peer);
        }
        for (const Prefix& each : customer.stack.addresses) own_.emplace_back(each.network(), "stack.addresses");
        if (customer.handoff) {
            for (const Prefix& each : customer.handoff->addresses) own_.emplace_back(each.network(), "handoff.address");
        }
        for (const config::StaticRoute& each : customer.stack.routes)
            own_.emplace_back(each.to.network(), "stack.route");
        for (const config::BgpNeighbour& each : customer.bgp->neighbours) neighbours_.push_back(found(each.address));
    }

    // As vpnd counts them.
    [[nodiscard]] std::size_t networks() const {
        std::size_t count = 0;
        for (const config::NetworkList& list : tunnels_.lists()) count += list.networks.size();
        return count;
    }

    // Of those that are enabled; nullopt: `reason` says why the route is nobody's, or is "" as the file has it already.
    [[nodiscard]] std::optional<std::size_t> peer_of(const LearnedRoute& route, std::string& reason) const {
        const auto& allowed = customer_.bgp->allow_learned;
        if (std::none_of(allowed.begin(), allowed.end(), [&](const Prefix& each) { return covers(each, route.to); })) {
            reason = "it is outside of bgp.allow_learned";
            return std::nullopt;
        }
        if (!route.via) {
            reason = "it has several gateways or none";
            return std::nullopt;
        }
        // Peers come first among the lists, one list each.
        const config::NetworkList* const list = tunnels_.peer_towards(*route.via);
        if (list == nullptr) {
            reason = "no peer's allowed_ips have its gateway";
            return std::nullopt;
        }
        const auto at = static_cast<std::size_t>(list - tunnels_.lists().data());
        for (const auto& [own, key] : own_) {
            // As for BIRD: what is learned may be more specific than a default route.
            if (own.length == 0 || !covers(own, route.to)) continue;
            reason = "it is in " + to_string(own) + " of " + std::string(key);
            return std::nullopt;
        }
        if (const auto* const given = tunnels_.covering(route.to, std::min<unsigned>(1, route.to.length))) {
            if (given->second.list != at) {
                reason = "it is in " + to_string(given->first) + " of " + tunnels_.lists()[given->second.list].owner;
            }
            return std::nullopt;
        }
        for (const Neighbour& each : neighbours_) {
            // From there its packets would go to this peer, and it would be this peer's router that answers.
            if (each.list == at || route.to.length <= each.length || !route.to.contains(each.address)) continue;
            reason = "it would take the neighbour " + to_string(each.address) + " from where the file has it";
            return std::nullopt;
        }
        for (const config::NatMap& map : config::maps_of(customer_, *peers_[at])) {
            if (!overlap(map.real, route.to)) continue;
            reason = "nat.map translates " + to_string(map.real) + " of this peer";
            return std::nullopt;
        }
        return at;
    }

    [[nodiscard]] const config::Peer& peer(std::size_t at) const { return *peers_[at]; }
    [[nodiscard]] std::size_t networks_of(std::size_t at) const { return tunnels_.lists()[at].networks.size(); }

  private:
    // Of BGP, by the longest match in the file.
    struct Neighbour {
        IpAddress address;
        unsigned length = 0;
        std::optional<std::size_t> list;  // of a peer or a connection
    };
    [[nodiscard]] Neighbour found(const IpAddress& address) const {
        Neighbour out{address, 0, std::nullopt};
        if (const auto* const given = tunnels_.covering({address, static_cast<std::uint8_t>(address.bits())})) {
            out.length = given->first.length;
            out.list = given->second.list;
        }
        for (const auto& [own, key] : own_) {
            if (own.length < out.length || !own.contains(address)) continue;
            out.length = own.length;
            if (key != "stack.addresses") out.list.reset();
        }
        return out;
    }

    const config::Customer& customer_;
    config::TunnelNetworks tunnels_;
    std::vector<Neighbour> neighbours_;
    std::vector<const config::Peer*> peers_;  // enabled, as the first lists of tunnels_
    std::vector<std::pair<Prefix, std::string_view>> own_;
};

void refuse(const LearnedRoute& route, std::string reason, Learned& out) {
    ++out.refused_count;
    if (out.refused.size() < kMostRefusedShown)
        out.refused.push_back({route.to, route.via ? to_string(*route.via) : std::string(), std::move(reason)});
}

// As many of each, at most, that all together are no more than `most`.
std::size_t part_of_each(const std::map<std::size_t, std::size_t>& counts, std::size_t most) {
    std::size_t all = 0;
    for (const auto& [peer, count] : counts) all += count;
    if (all <= most) return std::numeric_limits<std::size_t>::max();
    std::size_t part = 0;
    for (std::size_t step = most; step > 0; step /= 2) {
        const auto needed = [&counts](std::size_t each) {
            std::size_t sum = 0;
            for (const auto& [peer, count] : counts) sum += std::min(count, each);
            return sum;
        };
        while (needed(part + step) <= most) part += step;
    }
    return part;
}

}  // namespace

Learned learn(const config::Customer& customer, const LearnedRoutes& table) {
    Learned out;
    if (!customer.bgp || customer.bgp->allow_learned.empty()) return out;
    if (customer.state != config::CustomerState::kActive || config::is_suspended(customer)) return out;
    out.is_cut = table.is_cut;
    std::vector<LearnedRoute> routes;
    for (const LearnedRoute& route : table.routes) {
        if (!route.is_in_tunnel || route.to.length > route.to.address.bits()) continue;
        routes.push_back(route);
        routes.back().to = route.to.network();
    }
    // Of several with the same network the kernel uses the one with the smallest metric.
    std::sort(routes.begin(), routes.end(), [](const LearnedRoute& one, const LearnedRoute& other) {
        return std::tie(one.to, one.metric, one.via) < std::tie(other.to, other.metric, other.via);
    });
    const Allowance allowance(customer);
    struct Candidate {
        const LearnedRoute* route;
        std::size_t peer;
    };
    std::vector<Candidate> candidates;
    std::map<std::size_t, std::size_t> counts;  // by peer
    const LearnedRoute* before = nullptr;
    for (const LearnedRoute& route : routes) {
        if (before != nullptr && before->to == route.to) continue;
        before = &route;
        std::string reason;
        if (const auto peer = allowance.peer_of(route, reason)) {
            candidates.push_back({&route, *peer});
            ++counts[*peer];
        } else if (!reason.empty()) {
            refuse(route, std::move(reason), out);
        }
    }
    const std::size_t left =
        config::kMaxAllowedIpsPerCustomer - std::min(config::kMaxAllowedIpsPerCustomer, allowance.networks());
    const std::size_t part = part_of_each(counts, std::min(kMostLearned, left));
    std::map<std::size_t, std::size_t> taken;
    for (const Candidate& each : candidates) {
        const std::size_t own = allowance.networks_of(each.peer);
        const std::size_t room = config::kMaxAllowedIpsPerPeer - std::min(config::kMaxAllowedIpsPerPeer, own);
        std::size_t& count = taken[each.peer];
        if (count >= std::min(part, room)) {
            refuse(*each.route, "more are learned than the customer's " + std::to_string(kMostLearned), out);
            continue;
        }
        ++count;
        out.networks.push_back({each.route->to, allowance.peer(each.peer).name, *each.route->via});
    }
    return out;
}

LearnedByPeer by_peer(const Learned& learned) {
    LearnedByPeer out;
    for (const LearnedNetwork& each : learned.networks) out[each.peer].push_back(each.network);
    return out;
}

config::Customer with_learned(const config::Customer& customer, const LearnedByPeer& learned) {
    config::Customer out = customer;
    for (config::Peer& peer : out.peers) {
        const auto found = learned.find(peer.name);
        if (found != learned.end())
            peer.allowed_ips.insert(peer.allowed_ips.end(), found->second.begin(), found->second.end());
    }
    return out;
}

std::string problem_of(const Learned& learned) {
    if (learned.is_cut)
        return "there are more than " + std::to_string(kMostRoutesRead) +
               " learned routes; those beyond are not looked at, and their packets are dropped";
    if (learned.refused.empty()) return "";
    const RefusedNetwork& first = learned.refused.front();
    std::string text = to_string(first.network) + " is learned" +
                       (first.gateway.empty() ? "" : " from " + first.gateway) + " and not used: " + first.reason;
    if (learned.refused_count > 1) text += " (and " + std::to_string(learned.refused_count - 1) + " more)";
    return text + "; its packets are dropped";
}

}  // namespace warren::stacks
