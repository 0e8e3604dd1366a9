#include "config/nat_map.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "config/schema.h"
#include "config/tunnel_networks.h"

namespace warren::config {

namespace {

bool is_within(const Prefix& inner, const Prefix& outer) {
    return readable(inner) && readable(outer) && inner.address.family == outer.address.family &&
           inner.length >= outer.length && outer.contains(inner.address);
}

bool overlap(const Prefix& a, const Prefix& b) {
    return is_within(a, b) || is_within(b, a);
}

bool has_within(const Peer& peer, const Prefix& real) {
    return std::any_of(peer.allowed_ips.begin(), peer.allowed_ips.end(),
                       [&](const Prefix& one) { return is_within(one, real); });
}

bool may_be_of(const NatMap& map, const Peer& peer) {
    return map.peer.empty() ? has_within(peer, map.real) : peer.name == map.peer;
}

bool is_translatable(const NatMap& map) {
    return readable(map.real) && readable(map.mapped) && map.real.length == map.mapped.length &&
           map.real.address.family == map.mapped.address.family;
}

// `inner` lies within map.real.
Prefix moved(const Prefix& inner, const NatMap& map) {
    Prefix out = inner;
    const IpAddress network = inner.address.masked(map.real.length);
    for (std::size_t i = 0; i < out.address.octets.size(); ++i)
        out.address.octets[i] =
            static_cast<std::uint8_t>(map.mapped.address.octets[i] | (inner.address.octets[i] ^ network.octets[i]));
    return out;
}

class MapCheck {
  public:
    MapCheck(const Parsed<Customer>& parsed, std::vector<Diagnostic>& out)
        : customer_(parsed.value), source_(parsed.source), out_(out), networks_(customer_) {
        for (const NatMap& map : customer_.nat.maps) peers_.push_back(peers_of(customer_, map));
    }

    void check() {
        for (std::size_t i = 0; i < customer_.nat.maps.size(); ++i) {
            const NatMap& map = customer_.nat.maps[i];
            if (!readable(map.real) || !readable(map.mapped) || source_.root.at(path_of(i) + ".real") == nullptr ||
                source_.root.at(path_of(i) + ".mapped") == nullptr)
                continue;  // reported with the shape
            if (check_lengths(i)) check_map(i);
        }
    }

  private:
    void error(const std::string& path, std::string message) {
        out_.push_back(source_.error(path, std::move(message)));
    }
    static std::string path_of(std::size_t number) { return fmt::format("nat.map[{}]", number); }

    bool check_lengths(std::size_t number) {
        const NatMap& map = customer_.nat.maps[number];
        const std::string path = path_of(number) + ".mapped";
        const std::string mapped = to_string(map.mapped);
        if (map.real.address.family != map.mapped.address.family) {
            error(path, fmt::format("nat.map.mapped: {} and the real network {} are of different families", mapped,
                                    to_string(map.real)));
        } else if (map.real.length != map.mapped.length) {
            error(path, fmt::format("nat.map.mapped: {} is not as long as the real network {}; accepted: a /{}", mapped,
                                    to_string(map.real), map.real.length));
        } else if (map.real == map.mapped) {
            error(path, fmt::format("nat.map.mapped: {} is the real network itself; accepted: another one", mapped));
        } else {
            return true;
        }
        return false;
    }

    void check_map(std::size_t number) {
        const Peer* const peer = check_peer(number);
        check_stack(number);
        check_others(number);
        if (peer == nullptr) return;
        const NatMap& map = customer_.nat.maps[number];
        for (const Prefix& network : peer->allowed_ips) {
            if (network != map.real && is_within(map.real, network))
                error(path_of(number) + ".real",
                      fmt::format("nat.map.real: peer \"{}\" has {} among its allowed_ips, which is more than {}; "
                                  "accepted: a real network that its allowed_ips lie within, or apart from",
                                  peer->name, to_string(network), to_string(map.real)));
        }
        if (peer->enabled) check_tunnels(number, *peer);
    }

    // Null: reported.
    const Peer* check_peer(std::size_t number) {
        const NatMap& map = customer_.nat.maps[number];
        const std::string path = path_of(number);
        const std::vector<const Peer*>& peers = peers_[number];
        if (map.peer.empty()) {
            if (peers.size() == 1) return peers.front();
            error(path + ".real",
                  peers.empty() ? fmt::format("nat.map.real: no peer has a network within {} among its allowed_ips",
                                              to_string(map.real))
                                : fmt::format("nat.map.real: {} peers have networks within {}, such as \"{}\" and "
                                              "\"{}\"; accepted: with peer = \"NAME\"",
                                              peers.size(), to_string(map.real), peers[0]->name, peers[1]->name));
            return nullptr;
        }
        if (peers.empty()) {
            error(path + ".peer", fmt::format("nat.map.peer: {}", why_not(map.peer)));
            return nullptr;
        }
        if (has_within(*peers.front(), map.real)) return peers.front();
        error(path + ".real", fmt::format("nat.map.real: peer \"{}\" has no network within {} among its allowed_ips",
                                          map.peer, to_string(map.real)));
        return nullptr;
    }

    [[nodiscard]] std::string why_not(const std::string& name) const {
        const auto is_it = [&](const Connection& connection) { return connection.name == name; };
        if (customer_.ipsec &&
            std::any_of(customer_.ipsec->connections.begin(), customer_.ipsec->connections.end(), is_it))
            return fmt::format(
                "\"{}\" is an IPsec connection, and its networks cannot be mapped; accepted: a "
                "WireGuard peer",
                name);
        std::vector<std::string_view> names;
        for (const Peer& peer : customer_.peers) names.emplace_back(peer.name);
        const std::string meant = suggest(name, names);
        return fmt::format("there is no peer \"{}\"{}", name,
                           meant.empty() ? "" : fmt::format(" (did you mean \"{}\"?)", meant));
    }

    void check_stack(std::size_t number) {
        const Prefix& mapped = customer_.nat.maps[number].mapped;
        const std::string path = path_of(number) + ".mapped";
        for (const Prefix& own : customer_.stack.addresses) {
            if (readable(own) && mapped.contains(own.address))
                error(path, fmt::format("nat.map.mapped: {} contains the stack's own address {} (stack.addresses)",
                                        to_string(mapped), to_string(own.address)));
        }
        if (!customer_.handoff) return;
        for (const Prefix& own : customer_.handoff->addresses) {
            if (readable(own) && overlap(mapped, own.network()))
                error(path, fmt::format("nat.map.mapped: {} overlaps the network {} of handoff.address",
                                        to_string(mapped), to_string(own.network())));
        }
    }

    void check_others(std::size_t number) {
        const NatMap& map = customer_.nat.maps[number];
        for (std::size_t i = 0; i < number; ++i) {
            const NatMap& other = customer_.nat.maps[i];
            if (overlap(map.mapped, other.mapped))
                error(path_of(number) + ".mapped",
                      fmt::format("nat.map.mapped: {} overlaps {} at {}", to_string(map.mapped),
                                  to_string(other.mapped), source_.cite(path_of(i) + ".mapped")));
            if (overlap(map.real, other.real) && !peers_[i].empty() && peers_[i] == peers_[number])
                error(path_of(number) + ".real",
                      fmt::format("nat.map.real: {} overlaps {} of the same peer at {}", to_string(map.real),
                                  to_string(other.real), source_.cite(path_of(i) + ".real")));
        }
    }

    // What the stack knows of all tunnels: nothing else within the mapped network, nor within the real one, which the
    // peer takes for its own.
    void check_tunnels(std::size_t number, const Peer& peer) {
        const NatMap& map = customer_.nat.maps[number];
        const std::string own_list = fmt::format("peer \"{}\"", peer.name);
        for (const NetworkList& list : networks_.lists()) {
            const bool is_own = !list.is_connection && list.owner == own_list;
            for (std::size_t i = 0; i < list.networks.size(); ++i) {
                const Prefix& network = list.networks[i];
                const bool is_of_this = is_own && is_within(peer.allowed_ips[i], map.real);
                if (!is_of_this && is_within(network, map.mapped)) {
                    error(
                        path_of(number) + ".mapped",
                        fmt::format("nat.map.mapped: {} contains {}, which {} has at {}", to_string(map.mapped),
                                    to_string(network), list.owner, source_.cite(fmt::format("{}[{}]", list.path, i))));
                    return;
                }
                if (is_own || !is_within(network, map.real)) continue;
                error(path_of(number) + ".real",
                      fmt::format("nat.map.real: {} has {} too, at {}, and the stack sees it so: peer \"{}\" cannot "
                                  "reach it; accepted: a map for each",
                                  list.owner, to_string(network), source_.cite(fmt::format("{}[{}]", list.path, i)),
                                  peer.name));
                return;
            }
        }
    }

    const Customer& customer_;
    const Source& source_;
    std::vector<Diagnostic>& out_;
    TunnelNetworks networks_;
    std::vector<std::vector<const Peer*>> peers_;  // of each map
};

}  // namespace

std::vector<const Peer*> peers_of(const Customer& customer, const NatMap& map) {
    std::vector<const Peer*> out;
    for (const Peer& peer : customer.peers) {
        if (may_be_of(map, peer)) out.push_back(&peer);
    }
    return out;
}

std::vector<NatMap> maps_of(const Customer& customer, const Peer& peer) {
    std::vector<NatMap> out;
    for (const NatMap& map : customer.nat.maps) {
        if (is_translatable(map) && may_be_of(map, peer)) out.push_back(map);
    }
    return out;
}

std::vector<Prefix> stack_networks(const Customer& customer, const Peer& peer) {
    std::vector<Prefix> out = peer.allowed_ips;
    if (customer.nat.maps.empty()) return out;
    const std::vector<NatMap> maps = maps_of(customer, peer);
    for (Prefix& network : out) {
        const auto map =
            std::find_if(maps.begin(), maps.end(), [&](const NatMap& one) { return is_within(network, one.real); });
        if (map != maps.end()) network = moved(network, *map);
    }
    return out;
}

void read(const Node* node, NatMap& to) {
    read(node->find("peer"), to.peer);
    read(node->find("real"), to.real);
    read(node->find("mapped"), to.mapped);
}

void flatten_maps(const Customer& customer, std::map<std::string, std::string>& out) {
    for (const NatMap& map : customer.nat.maps) {
        const std::vector<const Peer*> peers = peers_of(customer, map);
        const std::string peer = peers.size() == 1 ? peers.front()->name : map.peer;
        out[fmt::format("nat.map {} {}", peer, to_string(map.real))] = to_string(map.mapped);
    }
}

void check_maps(const Parsed<Customer>& customer, std::vector<Diagnostic>& out) {
    if (!customer.value.nat.maps.empty()) MapCheck(customer, out).check();
}

}  // namespace warren::config
