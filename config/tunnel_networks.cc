#include "config/tunnel_networks.h"

#include <fmt/format.h>

#include <algorithm>

#include "config/ipsec.h"
#include "config/nat_map.h"
#include "config/schema.h"

namespace warren::config {

namespace {

constexpr std::size_t kMostComplaints = 100;  // of one severity

bool is_host(const Prefix& prefix) {
    return prefix.length == prefix.address.bits();
}
// Of IPv4: all host bits set.
IpAddress broadcast_of(const Prefix& prefix) {
    IpAddress address = prefix.network().address;
    for (unsigned bit = prefix.length; bit < address.bits(); ++bit)
        address.octets[bit / 8] = static_cast<std::uint8_t>(address.octets[bit / 8] | (0x80U >> bit % 8));
    return address;
}

// "ipsec.connection.child.remote" of "ipsec.connection[2].child[0].remote".
std::string key_of(std::string_view path) {
    std::string out;
    bool is_number = false;
    for (const char c : path) {
        is_number = is_number ? c != ']' : c == '[';
        if (!is_number && c != ']') out += c;
    }
    return out;
}

void add_peers(const Customer& customer, std::deque<std::vector<Prefix>>& mapped, std::vector<NetworkList>& out) {
    std::vector<std::size_t> numbers(std::variant_size_v<Tunnel>);  // of the next peer of each kind
    for (const Peer& peer : customer.peers) {
        const std::string path = peer_path(peer, numbers[peer.tunnel.index()]++);
        if (!peer.enabled) continue;
        std::span<const Prefix> networks = peer.allowed_ips;
        if (!customer.nat.maps.empty()) networks = mapped.emplace_back(stack_networks(customer, peer));
        out.push_back({path + ".allowed_ips", fmt::format("peer \"{}\"", peer.name), out.size(), false, networks});
    }
}

void add_connections(const Ipsec& ipsec, std::vector<NetworkList>& out) {
    for (std::size_t i = 0; i < ipsec.connections.size(); ++i) {
        const Connection& connection = ipsec.connections[i];
        if (!connection.enabled) continue;
        const std::size_t tunnel = out.size();
        const auto add = [&](const std::string& path, std::string_view key, const std::vector<Prefix>& networks) {
            if (!networks.empty())
                out.push_back({fmt::format("{}.{}", path, key), fmt::format("connection \"{}\"", connection.name),
                               tunnel, true, networks});
        };
        const auto add_child = [&](const std::string& path, const auto& child) {
            if (child.routes.empty()) return add(path, "remote", child.remote);
            add(path, "routes", child.routes);
        };
        const std::string path = connection_path(i);
        if (connection.children.empty()) add_child(path, connection);
        for (std::size_t k = 0; k < connection.children.size(); ++k)
            add_child(child_path(connection, i, k), connection.children[k]);
        add(path, "pool", connection.pool);
    }
}

}  // namespace

TunnelNetworks::TunnelNetworks(const Customer& customer) : customer_(customer) {
    add_peers(customer, mapped_, lists_);
    if (customer.ipsec) add_connections(*customer.ipsec, lists_);
    for (std::size_t list = 0; list < lists_.size(); ++list) {
        for (std::size_t i = 0; i < lists_[list].networks.size(); ++i) {
            const Prefix& network = lists_[list].networks[i];
            if (!readable(network)) continue;
            all_.try_emplace(network.network(), Where{list, i});
            lengths_.at(network.address.is_v4() ? 0 : 1).set(network.length);
        }
    }
}

const std::pair<const Prefix, TunnelNetworks::Where>* TunnelNetworks::covering(const Prefix& prefix,
                                                                               unsigned shortest) const {
    const auto& lengths = lengths_.at(prefix.address.is_v4() ? 0 : 1);
    for (unsigned length = prefix.length + 1U; length-- > shortest;) {
        if (!lengths.test(length)) continue;
        const auto found = all_.find({prefix.address.masked(length), static_cast<std::uint8_t>(length)});
        if (found != all_.end()) return &*found;
    }
    return nullptr;
}

const NetworkList* TunnelNetworks::peer_towards(const IpAddress& address) const {
    const auto* const found = covering({address, static_cast<std::uint8_t>(address.bits())});
    if (found == nullptr || lists_[found->second.list].is_connection) return nullptr;
    const auto has_it = [&](const Prefix& own) {
        return readable(own) && own.network().contains(address) && own.length >= found->first.length;
    };
    if (customer_.handoff &&
        std::any_of(customer_.handoff->addresses.begin(), customer_.handoff->addresses.end(), has_it))
        return nullptr;
    return &lists_[found->second.list];
}

std::string TunnelNetworks::path_of(Where at) const {
    return fmt::format("{}[{}]", lists_[at.list].path, at.index);
}

std::string TunnelNetworks::describe(Where at) const {
    const NetworkList& list = lists_[at.list];
    return fmt::format("a {}'s {}", list.what(), list.path.substr(list.path.rfind('.') + 1));
}

void TunnelNetworks::check(const Source& source, std::vector<Diagnostic>& out) {
    source_ = &source;
    out_ = &out;
    std::size_t count = 0;
    for (std::size_t list = 0; list < lists_.size(); ++list) {
        check_count(lists_[list], count);
        for (std::size_t i = 0; i < lists_[list].networks.size(); ++i) check_network({list, i});
    }
}

// What is wrong with one network of a list may be wrong with thousands. `message` is called when it is shown.
template <typename Message>
void TunnelNetworks::complain(Severity severity, Where at, const Message& message) {
    std::size_t& count = complaints_[severity];
    if (++count > kMostComplaints + 1) return;
    const std::string key = key_of(lists_[at.list].path);
    out_->push_back(source_->diagnose(
        severity, source_->place_of(path_of(at)),
        count <= kMostComplaints ? fmt::format("{}: {}", key, message())
                                 : fmt::format("{}: there are more than {} such {}; the others are not shown", key,
                                               kMostComplaints, severity == Severity::kError ? "errors" : "warnings")));
}

void TunnelNetworks::check_count(const NetworkList& list, std::size_t& count) {
    const std::size_t before = count;
    count += list.networks.size();
    if (before > kMaxAllowedIpsPerCustomer || count <= kMaxAllowedIpsPerCustomer) return;
    const std::string key = key_of(list.path);
    out_->push_back(source_->error(
        list.path, fmt::format("{}: with this {} the customer has more than {} networks; accepted: up to {} for all "
                               "enabled {}s together",
                               key, list.what(), kMaxAllowedIpsPerCustomer, kMaxAllowedIpsPerCustomer, list.what())));
}

void TunnelNetworks::check_network(Where at) {
    const NetworkList& list = lists_[at.list];
    const Prefix& network = list.networks[at.index];
    if (!readable(network)) return;
    if (const auto owner = own_address(network)) {
        complain(Severity::kError, at, [&] {
            return fmt::format("{} is the stack's own address ({}); a {} cannot have it", to_string(network), *owner,
                               list.what());
        });
    }
    check_broadcast(network, at);
    const Where first = all_.at(network.network());
    if (first.list == at.list && first.index == at.index) return;
    const NetworkList& other = lists_[first.list];
    if (first.list == at.list) {
        complain(Severity::kWarning, at, [&] { return fmt::format("{} is listed twice", to_string(network)); });
    } else if (other.tunnel != list.tunnel) {
        complain(Severity::kError, at, [&] {
            return fmt::format(
                "{} also belongs to {} at {}; {}", to_string(network), other.owner, source_->cite(path_of(first)),
                list.is_connection || other.is_connection ? "a packet takes one tunnel"
                                                          : "a prefix belongs to one peer of a customer");
        });
    }
}

// Where the stack has this address itself.
std::optional<std::string_view> TunnelNetworks::own_address(const Prefix& prefix) const {
    const auto is_it = [&prefix](const Prefix& own) { return is_host(prefix) && own.address == prefix.address; };
    const auto has_it = [&is_it](const std::vector<Prefix>& all) { return std::any_of(all.begin(), all.end(), is_it); };
    if (has_it(customer_.stack.addresses)) return "stack.addresses";
    if (customer_.handoff && has_it(customer_.handoff->addresses)) return "handoff.address";
    return std::nullopt;
}

// A stack sends nothing to the last address of its own network but broadcasts, and vpn0 has none.
void TunnelNetworks::check_broadcast(const Prefix& prefix, Where at) {
    if (!is_host(prefix) || !prefix.address.is_v4()) return;
    for (const Prefix& own : customer_.stack.addresses) {
        if (!readable(own) || !own.address.is_v4() || own.length > 30) continue;
        if (prefix.address != broadcast_of(own)) continue;
        complain(Severity::kWarning, at, [&] {
            return fmt::format("{} is the broadcast address of the stack's network {}; a {} with it is never reached",
                               to_string(prefix), to_string(own.network()), lists_[at.list].what());
        });
    }
}

}  // namespace warren::config
