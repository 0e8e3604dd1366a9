#include "clients/address_pool.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "config/nat_map.h"

namespace warren::clients {

namespace {

IpAddress last_of(const Prefix& network) {
    IpAddress out = network.address.masked(network.length);
    for (unsigned bit = network.length; bit < out.bits(); ++bit)
        out.octets.at(bit / 8) = static_cast<std::uint8_t>(out.octets.at(bit / 8) | (0x80U >> (bit % 8)));
    return out;
}

// Nothing behind the last address there is.
std::optional<IpAddress> behind(IpAddress address) {
    for (std::size_t i = address.bits() / 8; i-- > 0;) {
        if (++address.octets.at(i) != 0) return address;
    }
    return std::nullopt;
}

bool is_within(const Prefix& inner, const Prefix& outer) {
    return inner.length >= outer.length && outer.contains(inner.address);
}

}  // namespace

AddressPool::AddressPool(const config::Customer& customer) {
    if (customer.clients) networks_ = customer.clients->pool;
    if (networks_.empty()) {
        for (const Prefix& address : customer.stack.addresses) networks_.push_back(address.network());
    }
    for (const Prefix& network : networks_) {
        const bool has_network_address = network.length + 1U < network.address.bits();  // RFC 3021, RFC 6164
        if (!has_network_address) continue;
        take({network.address, static_cast<std::uint8_t>(network.address.bits())});
        if (network.address.is_v4()) take({last_of(network), 32});
    }
    const auto take_host = [this](const Prefix& address) {
        take({address.address, static_cast<std::uint8_t>(address.address.bits())});
    };
    for (const Prefix& address : customer.stack.addresses) take_host(address);
    if (customer.handoff)
        for (const Prefix& address : customer.handoff->addresses) take_host(address);
    for (const config::Peer& peer : customer.peers)
        for (const Prefix& network : config::stack_networks(customer, peer)) take(network);
    for (const config::NatMap& map : customer.nat.maps) {
        take_with_pools(map.real);
        take_with_pools(map.mapped);
    }
    for (const config::StaticRoute& route : customer.stack.routes) take(route.to);
    if (customer.ipsec)
        for (const config::Connection& connection : customer.ipsec->connections) take_all(connection);
}

void AddressPool::take_all(const config::Connection& connection) {
    for (const Prefix& network : connection.pool) take(network);
    for (const config::Child& child : config::children_of(connection))
        for (const Prefix& network : child.routes) take(network);
}

// Nobody else may have an address within it, however wide it is.
void AddressPool::take_with_pools(const Prefix& network) {
    take(network);
    for (const Prefix& pool : networks_)
        if (is_within(pool, network)) take(pool);
}

void AddressPool::take(const Prefix& network) {
    // A network that is wider than the pool leaves its addresses free: those of devices are more specific.
    const bool counts =
        std::any_of(networks_.begin(), networks_.end(), [&](const Prefix& pool) { return is_within(network, pool); });
    if (!counts) return;
    IpAddress& last = taken_.try_emplace(network.address.masked(network.length), last_of(network)).first->second;
    last = std::max(last, last_of(network));
}

bool AddressPool::has(Family family) const {
    return std::any_of(networks_.begin(), networks_.end(),
                       [family](const Prefix& network) { return network.address.family == family; });
}

std::vector<Prefix> AddressPool::first_free(Family family) const {
    for (const Prefix& network : networks_) {
        if (network.address.family != family) continue;
        IpAddress& candidate = begin_.try_emplace(network, network.address).first->second;
        bool is_full = !network.contains(candidate);
        for (auto next = taken_.lower_bound(network.address); !is_full && next != taken_.end(); ++next) {
            if (next->first > candidate) break;
            if (next->second < candidate) continue;
            const auto later = behind(next->second);
            is_full = !later || !network.contains(*later);
            if (!is_full) candidate = *later;
        }
        if (!is_full) return {{candidate, static_cast<std::uint8_t>(candidate.bits())}};
    }
    return {};
}

Result<std::vector<Prefix>> AddressPool::next() {
    std::vector<Prefix> out;
    for (const Family family : {Family::kV4, Family::kV6}) {
        if (!has(family)) continue;
        const auto free = first_free(family);
        if (free.empty())
            return fail(ErrorCode::kUnavailable, fmt::format("the pool has no free IPv{} address left; clients.pool "
                                                             "takes more networks",
                                                             family == Family::kV4 ? 4 : 6));
        out.push_back(free.front());
    }
    if (out.empty()) return fail(ErrorCode::kNotFound, "the customer has no pool of addresses");
    for (const Prefix& address : out) take(address);
    return out;
}

}  // namespace warren::clients
