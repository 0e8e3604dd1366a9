#include "vpnd/customers/connections.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string_view>
#include <utility>

namespace warren::vpnd {

namespace {

constexpr std::size_t kMaxPeersPerCustomer = 1 << 16;  // wireguard-go's limit of a device

bool overlap(const Prefix& one, const Prefix& other) {
    return one.contains(other.address) || other.contains(one.address);
}
bool overlap(const std::vector<Prefix>& some, const std::vector<Prefix>& others) {
    return std::any_of(some.begin(), some.end(), [&others](const Prefix& one) {
        return std::any_of(others.begin(), others.end(), [&one](const Prefix& other) { return overlap(one, other); });
    });
}

Status invalid(const NewCustomer& customer, std::string_view what) {
    return fail(ErrorCode::kInvalid, fmt::format("customer {}: {}", customer.put.settings.id, what));
}

}  // namespace

std::vector<ChildPlace> places_of(const std::vector<ipc::IpsecChild>& children) {
    // The number of the first child that one shares its peer with.
    std::vector<std::size_t> first(children.size());
    for (std::size_t i = 0; i < children.size(); ++i) {
        first[i] = i;
        for (std::size_t k = 0; k < i; ++k) {
            if (first[k] == first[i] || !overlap(children[k].routes, children[i].routes)) continue;
            const auto [low, high] = std::minmax(first[k], first[i]);
            const std::size_t kept = low;
            const std::size_t gone = high;
            std::replace(first.begin(), first.begin() + static_cast<std::ptrdiff_t>(i) + 1, gone, kept);
        }
    }
    std::vector<ChildPlace> out(children.size());
    std::uint32_t peers = 0;
    std::vector<std::uint8_t> flows(children.size());
    for (std::size_t i = 0; i < children.size(); ++i) {
        out[i].peer = first[i] == i ? peers++ : out[first[i]].peer;
        out[i].flow = flows[first[i]]++;
    }
    return out;
}

void append_routes(const HeldConnection& connection, std::vector<Lpm<PeerIndex>::Entry>& out) {
    if (!connection.has_fixed_routes()) return;
    std::set<Prefix> seen;
    const auto& children = connection.config.settings.children;
    for (std::size_t i = 0; i < children.size(); ++i) {
        for (const Prefix& route : children[i].routes) {
            if (seen.insert(route.network()).second) out.push_back({route.network(), connection.peer(0, i)});
        }
    }
}

Status check_tunnels(const NewCustomer& customer) {
    std::size_t peers = customer.peers.size();
    std::set<std::string_view> names;
    std::vector<std::pair<Prefix, std::size_t>> networks;  // and whose each is
    std::size_t owner = 0;
    for (const ipc::PutPeer& peer : customer.peers) {
        for (const Prefix& prefix : peer.settings.allowed_ips) networks.emplace_back(prefix.network(), owner);
        ++owner;
    }
    for (const ipc::PutConnection& connection : customer.connections) {
        const ipc::ConnectionSettings& settings = connection.settings;
        if (!names.insert(settings.name).second)
            return invalid(customer, fmt::format("connection {} is put twice", settings.name));
        peers += settings.max_sessions * settings.children.size();
        const std::size_t before = networks.size();
        for (const ipc::IpsecChild& child : settings.children) {
            for (const Prefix& route : child.routes) networks.emplace_back(route.network(), owner);
        }
        for (const Prefix& pool : settings.pool) networks.emplace_back(pool.network(), owner);
        // Children of one connection may share networks.
        const auto own = networks.begin() + static_cast<std::ptrdiff_t>(before);
        std::sort(own, networks.end());
        networks.erase(std::unique(own, networks.end()), networks.end());
        ++owner;
    }
    if (peers > kMaxPeersPerCustomer) return invalid(customer, "too many peers");
    if (networks.size() > ipc::kMaxPrefixesPerCustomer) return invalid(customer, "too many prefixes");
    std::sort(networks.begin(), networks.end());
    const auto twice = std::adjacent_find(networks.begin(), networks.end(),
                                          [](const auto& one, const auto& other) { return one.first == other.first; });
    if (twice == networks.end()) return {};
    return invalid(customer, fmt::format("{} is allowed twice", to_string(twice->first)));
}

}  // namespace warren::vpnd
