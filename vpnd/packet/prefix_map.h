// One-to-one translation of networks (RFC 3022 §3, without ports and without state): the stack sees the addresses of
// `mapped` where the peer has those of `real`.
#pragma once

#include <optional>
#include <span>

#include "base/ip.h"
#include "vpnd/packet/inner_packet.h"

namespace warren::dataplane {

// Without host bits, of one family and length. An address keeps its host part.
struct PrefixMap {
    Prefix real;
    Prefix mapped;
    bool operator==(const PrefixMap&) const = default;
};

// The real networks of a peer's maps do not overlap, nor do the mapped ones. Nothing: no map has this address.
[[nodiscard]] std::optional<IpAddress> mapped_of(std::span<const PrefixMap> maps, const IpAddress& real);
[[nodiscard]] std::optional<IpAddress> real_of(std::span<const PrefixMap> maps, const IpAddress& mapped);

// From the peer: a real source becomes the mapped one, and in the packet that an ICMP error is about the destination.
// To the peer: a mapped destination becomes the real one, and in such a packet the source. Checksums that were right
// stay right and wrong ones wrong (RFC 1624): of IPv4, TCP, UDP, UDP-Lite, ICMP and ICMPv6, as far as they are in the
// packet. A fragment that is not the first has addresses alone.
void translate_from_peer(std::span<const PrefixMap> maps, const InnerPacket& packet);
void translate_to_peer(std::span<const PrefixMap> maps, const InnerPacket& packet);

}  // namespace warren::dataplane
