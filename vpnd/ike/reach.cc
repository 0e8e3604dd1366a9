#include "vpnd/ike/reach.h"

#include <algorithm>
#include <optional>

namespace warren::ike {

namespace {

IpAddress last_of(const Prefix& prefix) {
    IpAddress out = prefix.address;
    for (unsigned bit = prefix.length; bit < out.bits(); ++bit)
        out.octets[bit / 8] = static_cast<std::uint8_t>(out.octets[bit / 8] | 0x80U >> bit % 8);
    return out;
}

// Nothing: there is none.
std::optional<IpAddress> after(IpAddress address) {
    for (std::size_t octet = address.bits() / 8; octet-- > 0;) {
        if (++address.octets[octet] != 0) return address;
    }
    return std::nullopt;
}

std::optional<Prefix> common(const Prefix& one, const Prefix& other) {
    if (one.length >= other.length) return other.contains(one.address) ? std::optional(one) : std::nullopt;
    return one.contains(other.address) ? std::optional(other) : std::nullopt;
}

}  // namespace

std::vector<Prefix> prefixes_of(const TrafficSelector& range) {
    std::vector<Prefix> out;
    std::optional<IpAddress> next = range.first;
    while (next && *next <= range.last) {
        // The largest one that begins there.
        Prefix prefix{*next, static_cast<std::uint8_t>(next->bits())};
        while (prefix.length > 0) {
            const Prefix larger{*next, static_cast<std::uint8_t>(prefix.length - 1)};
            if (larger.has_host_bits() || last_of(larger) > range.last) break;
            prefix = larger;
        }
        out.push_back(prefix);
        next = after(last_of(prefix));
    }
    return out;
}

std::vector<Prefix> reach_of(std::span<const TrafficSelector> remote, std::span<const Prefix> routes) {
    std::vector<Prefix> out;
    for (const TrafficSelector& selector : remote) {
        for (const Prefix& part : prefixes_of(selector)) {
            for (const Prefix& route : routes) {
                if (const auto both = common(part, route.network())) out.push_back(*both);
            }
        }
    }
    std::sort(out.begin(), out.end());
    out.erase(std::unique(out.begin(), out.end()), out.end());
    if (out.size() > kMostReach) out.resize(kMostReach);
    return out;
}

}  // namespace warren::ike
