#include "vpnd/ike/pool.h"

#include <algorithm>
#include <utility>

#include "base/bytes.h"

namespace warren::ike {

namespace {

// Of one network; more would only make it slower to add up.
constexpr std::uint64_t kMostOfNetwork = std::uint64_t{1} << 32;

std::uint64_t size_of(const Prefix& network) {
    const unsigned host_bits = network.address.bits() - network.length;
    return host_bits >= 32 ? kMostOfNetwork : std::uint64_t{1} << host_bits;
}

// Addresses of an earlier process that are passed over in a search.
constexpr std::uint64_t kMostPast = 256;

// The address at that place of the network; place < size_of(network).
IpAddress address_at(const Prefix& network, std::uint64_t place) {
    IpAddress out = network.network().address;
    for (std::size_t octet = out.bits() / 8; place != 0; place >>= 8U) {
        --octet;
        out.octets[octet] = static_cast<std::uint8_t>(out.octets[octet] | (place & 0xffU));
    }
    return out;
}

bool is_last_of(const Prefix& network, const IpAddress& address) {
    for (unsigned bit = network.length; bit < address.bits(); ++bit) {
        if ((address.octets[bit / 8] & 0x80U >> bit % 8) == 0) return false;
    }
    return true;
}

// FNV-1a: where the search for a holder's address begins. Whoever chooses its name so that it meets others' finds the
// next free one.
std::uint64_t place_of(std::string_view holder) {
    std::uint64_t out = 0xcbf29ce484222325;
    for (const char c : holder) out = (out ^ static_cast<std::uint8_t>(c)) * 0x100000001b3;
    return out;
}

}  // namespace

void Pool::configure(std::vector<Prefix> networks, std::size_t most_kept) {
    networks_ = std::move(networks);
    most_kept_ = most_kept;
    const std::vector<IpAddress> free(free_.begin(), free_.end());
    for (const IpAddress& address : free) {
        if (!has(address)) forget(address);
    }
    limit_kept();
}

bool Pool::has(const IpAddress& address) const {
    return std::any_of(networks_.begin(), networks_.end(), [&](const Prefix& network) {
        if (network.address.family != address.family || !network.contains(address)) return false;
        if (network.length + 2U > address.bits()) return true;
        return address != network.network().address && !(address.is_v4() && is_last_of(network, address));
    });
}

bool Pool::has(Family family) const {
    return std::any_of(networks_.begin(), networks_.end(),
                       [&](const Prefix& network) { return network.address.family == family; });
}

std::optional<IpAddress> Pool::take(Family family, std::string_view holder, const std::optional<IpAddress>& wanted,
                                    const Past& past) {
    std::optional<IpAddress> out;
    if (wanted && wanted->family == family && has(*wanted)) {
        const auto held = leases_.find(*wanted);
        const bool is_anothers = past.is_anothers && past.is_anothers(*wanted);
        const bool is_free =
            held == leases_.end() ? !is_anothers : held->second.free.has_value() && held->second.holder == holder;
        if (is_free) out = wanted;
    }
    if (!out) out = kept_for(family, holder, past);
    if (!out) out = find_new(family, holder, past);
    if (!out) out = find_new(family, holder, {});
    if (!out) {
        const auto longest =
            std::find_if(free_.begin(), free_.end(), [&](const IpAddress& one) { return one.family == family; });
        if (longest != free_.end()) out = *longest;
    }
    if (!out) return std::nullopt;
    const IpAddress address = *out;
    forget(address);
    hold(address, holder);
    return address;
}

void Pool::give_back(const IpAddress& address) {
    const auto held = leases_.find(address);
    if (held == leases_.end() || held->second.free) return;
    if (!has(address)) return forget(address);
    held->second.free = free_.insert(free_.end(), address);
    limit_kept();
}

void Pool::hold(const IpAddress& address, std::string_view holder) {
    leases_[address] = {std::string(holder), std::nullopt};
    of_holder_.emplace(holder, address);
}

void Pool::forget(const IpAddress& address) {
    const auto held = leases_.find(address);
    if (held == leases_.end()) return;
    const auto range = of_holder_.equal_range(held->second.holder);
    of_holder_.erase(std::find_if(range.first, range.second, [&](const auto& one) { return one.second == address; }));
    if (held->second.free) free_.erase(*held->second.free);
    leases_.erase(held);
}

void Pool::limit_kept() {
    while (free_.size() > most_kept_) forget(IpAddress(free_.front()));
}

std::optional<IpAddress> Pool::kept_for(Family family, std::string_view holder, const Past& past) const {
    const auto range = of_holder_.equal_range(holder);
    const auto found = std::find_if(range.first, range.second, [&](const auto& one) {
        return one.second.family == family && leases_.at(one.second).free;
    });
    if (found != range.second) return found->second;
    const auto earlier = std::find_if(past.own.begin(), past.own.end(), [&](const IpAddress& one) {
        return one.family == family && has(one) && !leases_.contains(one);
    });
    return earlier == past.own.end() ? std::nullopt : std::optional(*earlier);
}

// It looks at as many as somebody has, those of networks that are not leased, and of an earlier process kMostPast: an
// address that somebody had then goes to another when there are too many of them in a row.
std::optional<IpAddress> Pool::find_new(Family family, std::string_view holder, const Past& past) const {
    std::uint64_t all = 0;
    for (const Prefix& network : networks_) all += network.address.family == family ? size_of(network) : 0;
    if (all == 0) return std::nullopt;
    const std::uint64_t most =
        std::min<std::uint64_t>(all, leases_.size() + 2 * networks_.size() + 1 + (past.is_anothers ? kMostPast : 0));
    const std::uint64_t first = place_of(holder) % all;
    for (std::uint64_t tried = 0; tried < most; ++tried) {
        std::uint64_t place = (first + tried) % all;
        for (const Prefix& network : networks_) {
            if (network.address.family != family) continue;
            if (place >= size_of(network)) {
                place -= size_of(network);
                continue;
            }
            const IpAddress address = address_at(network, place);
            const bool is_anothers = past.is_anothers && past.is_anothers(address);
            if (has(address) && !leases_.contains(address) && !is_anothers) return address;
            break;
        }
    }
    return std::nullopt;
}

}  // namespace warren::ike
