// Explicit congestion notification across the tunnel (RFC 6040, normal mode).
#pragma once

#include <cstdint>
#include <optional>

namespace warren::dataplane {

// The two low bits of the IPv4 TOS and of the IPv6 traffic class (RFC 3168 §5).
enum class Ecn : std::uint8_t { kNotEct = 0, kEct1 = 1, kEct0 = 2, kCe = 3 };

[[nodiscard]] constexpr Ecn ecn_of(std::uint8_t traffic_class) {
    return static_cast<Ecn>(traffic_class & 3U);
}

// The outer traffic class of a packet to send: its ECN field copied, DSCP 0 (RFC 6040 §4.1, conformance D9) unless it
// is to be copied too.
[[nodiscard]] constexpr std::uint8_t encapsulated_traffic_class(std::uint8_t inner, bool copies_dscp = false) {
    return copies_dscp ? inner : inner & 3U;
}

// The inner ECN field of a packet received, nothing when it must be dropped (RFC 6040 §4.2, figure 4).
[[nodiscard]] constexpr std::optional<Ecn> decapsulated_ecn(Ecn outer, Ecn inner) {
    if (inner == Ecn::kNotEct) {
        if (outer == Ecn::kCe) return std::nullopt;
        return Ecn::kNotEct;
    }
    if (outer == Ecn::kCe || inner == Ecn::kCe) return Ecn::kCe;
    if (outer == Ecn::kEct1) return Ecn::kEct1;
    return inner;
}

}  // namespace warren::dataplane
