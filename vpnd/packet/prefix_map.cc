#include "vpnd/packet/prefix_map.h"

#include <algorithm>
#include <array>

#include "vpnd/packet/checksum.h"
#include "vpnd/packet/transport_header.h"

namespace warren::dataplane {

namespace {

constexpr std::uint8_t kProtocolRouting = 43;  // IANA, IPv6 extension headers
constexpr std::uint8_t kProtocolFragment = 44;
constexpr std::uint8_t kProtocolAuthentication = 51;
constexpr std::uint8_t kProtocolDestinationOptions = 60;
constexpr std::uint8_t kProtocolUdpLite = 136;
constexpr int kMostExtensions = 8;
constexpr std::size_t kIcmpHeaderSize = 8;
constexpr std::size_t kIcmpChecksum = 2;  // offset

enum class End : std::uint8_t { kSource, kDestination };

// The transport header of a packet, or of what an ICMP error quotes of one.
struct Transport {
    std::uint8_t protocol = kProtocolNone;
    std::size_t at = 0;
};

// An IP header and what is there of its packet, which may be less than the header says.
struct Quoted {
    MutableBytes bytes;
    bool is_v4 = true;

    [[nodiscard]] std::size_t offset_of(End end) const {
        if (is_v4) return end == End::kSource ? 12 : 16;
        return end == End::kSource ? 8 : 24;
    }
    [[nodiscard]] IpAddress address(End end) const {
        return IpAddress::from_bytes(Bytes(bytes).subspan(offset_of(end), is_v4 ? 4 : 16));
    }
};

// What a checksum over changed bytes changes by. Changes are of whole words at even offsets of what is summed.
struct Change {
    ChecksumSum sum = 0;
    void replace(Bytes before, Bytes after) {
        sum += static_cast<std::uint16_t>(~checksum_fold(checksum_sum(before))) + checksum_sum(after);
    }
};

// RFC 1624 §3, equation 3: HC' = ~(~HC + ~m + m').
std::uint16_t mended(std::uint16_t checksum, const Change& change) {
    return checksum_finish(static_cast<std::uint16_t>(~checksum) + change.sum);
}

// The checksum at `at` follows `change`; what its own bytes change by is added to `outer`.
void mend(MutableBytes bytes, std::size_t at, const Change& change, bool zero_is_none, Change& outer) {
    if (at + 2 > bytes.size()) return;
    const auto before = load_le<std::uint16_t>(bytes.data() + at);
    if (zero_is_none && before == 0) return;
    std::uint16_t after = mended(before, change);
    if (zero_is_none && after == 0) after = 0xffff;  // RFC 768
    store_le(bytes.data() + at, after);
    outer.sum += static_cast<std::uint16_t>(~before) + ChecksumSum{after};
}

// Nothing: it is a later fragment, or what cannot be understood.
std::optional<Transport> transport_of(const Quoted& packet) {
    const Bytes bytes = packet.bytes;
    if (packet.is_v4) {
        const bool later_fragment = (load_be<std::uint16_t>(bytes.data() + 6) & 0x1fffU) != 0;
        if (later_fragment) return std::nullopt;
        return Transport{bytes[9], (bytes[0] & 0x0fU) * std::size_t{4}};
    }
    Transport out{bytes[6], kIpV6HeaderSize};
    for (int i = 0; i < kMostExtensions; ++i) {
        const bool is_fragment = out.protocol == kProtocolFragment;
        const bool is_authentication = out.protocol == kProtocolAuthentication;
        const bool is_extension = is_fragment || is_authentication || out.protocol == kProtocolHopByHop ||
                                  out.protocol == kProtocolRouting || out.protocol == kProtocolDestinationOptions;
        if (!is_extension) return out;
        if (out.at + 8 > bytes.size()) return std::nullopt;
        // The checksum is over the last destination, which is in this header (RFC 8200 §8.1).
        if (out.protocol == kProtocolRouting && bytes[out.at + 3] != 0) return std::nullopt;
        if (is_fragment && (load_be<std::uint16_t>(bytes.data() + out.at + 2) & 0xfff8U) != 0) return std::nullopt;
        const std::size_t length = bytes[out.at + 1];
        out.protocol = bytes[out.at];
        out.at += is_fragment ? 8 : is_authentication ? (length + 2) * 4 : (length + 1) * 8;
    }
    return std::nullopt;
}

// Those of TCP and UDP cover the addresses, of ICMP only version 6.
void mend_transport(const Quoted& packet, const Transport& transport, const Change& change, Change& outer) {
    const auto mend_at = [&](std::size_t field, bool zero_is_none) {
        mend(packet.bytes, transport.at + field, change, zero_is_none, outer);
    };
    switch (transport.protocol) {
        case kProtocolTcp: return mend_at(kTcpChecksum, false);
        case kProtocolUdp: return mend_at(kUdpChecksum, true);
        case kProtocolUdpLite: return mend_at(kUdpChecksum, false);
        case kProtocolIcmpV6: return mend_at(kIcmpChecksum, false);
        default: return;
    }
}

// Writes the address, and mends what covers it. What all these bytes change by is added to `outer`.
void replace(const Quoted& packet, End end, const IpAddress& now, Change& outer) {
    const MutableBytes field = packet.bytes.subspan(packet.offset_of(end), packet.is_v4 ? 4 : 16);
    Change change;
    change.replace(field, now.bytes());
    std::copy_n(now.octets.begin(), field.size(), field.begin());
    outer.sum += change.sum;
    if (packet.is_v4) mend(packet.bytes, 10, change, false, outer);
    if (const auto transport = transport_of(packet)) mend_transport(packet, *transport, change, outer);
}

// Errors, which quote the packet that they are about (RFC 792, RFC 4443 §2.1).
bool quotes_a_packet(bool is_v4, std::uint8_t type) {
    constexpr std::array<std::uint8_t, 5> kErrors{3, 4, 5, 11, 12};
    return is_v4 ? std::find(kErrors.begin(), kErrors.end(), type) != kErrors.end() : type < 128;
}

std::optional<Quoted> quoted_in(const Quoted& packet) {
    const auto transport = transport_of(packet);
    if (!transport || transport->protocol != (packet.is_v4 ? kProtocolIcmp : kProtocolIcmpV6)) return std::nullopt;
    const std::size_t at = transport->at + kIcmpHeaderSize;
    const std::size_t least = packet.is_v4 ? kIpV4HeaderMinimum : kIpV6HeaderSize;
    if (at + least > packet.bytes.size() || !quotes_a_packet(packet.is_v4, packet.bytes[transport->at]))
        return std::nullopt;
    const Quoted out{packet.bytes.subspan(at), packet.is_v4};
    if (out.bytes[0] >> 4 != (packet.is_v4 ? 4 : 6)) return std::nullopt;
    return out;
}

using Lookup = std::optional<IpAddress> (*)(std::span<const PrefixMap>, const IpAddress&);

void translate(std::span<const PrefixMap> maps, const InnerPacket& inner, End end, Lookup lookup) {
    const Quoted packet{inner.bytes(), inner.is_v4()};
    Change unused;
    if (const auto now = lookup(maps, packet.address(end))) replace(packet, end, *now, unused);
    const auto quoted = quoted_in(packet);
    if (!quoted) return;
    const End other = end == End::kSource ? End::kDestination : End::kSource;
    const auto now = lookup(maps, quoted->address(other));
    if (!now) return;
    Change change;
    replace(*quoted, other, *now, change);
    mend(packet.bytes, transport_of(packet)->at + kIcmpChecksum, change, false, unused);
}

IpAddress moved(const IpAddress& address, const Prefix& to) {
    IpAddress out = to.address;
    const IpAddress network = address.masked(to.length);
    for (std::size_t i = 0; i < out.octets.size(); ++i)
        out.octets[i] = static_cast<std::uint8_t>(out.octets[i] | (address.octets[i] ^ network.octets[i]));
    return out;
}

}  // namespace

std::optional<IpAddress> mapped_of(std::span<const PrefixMap> maps, const IpAddress& real) {
    for (const PrefixMap& map : maps) {
        if (map.real.contains(real)) return moved(real, map.mapped);
    }
    return std::nullopt;
}

std::optional<IpAddress> real_of(std::span<const PrefixMap> maps, const IpAddress& mapped) {
    for (const PrefixMap& map : maps) {
        if (map.mapped.contains(mapped)) return moved(mapped, map.real);
    }
    return std::nullopt;
}

void translate_from_peer(std::span<const PrefixMap> maps, const InnerPacket& packet) {
    translate(maps, packet, End::kSource, mapped_of);
}

void translate_to_peer(std::span<const PrefixMap> maps, const InnerPacket& packet) {
    translate(maps, packet, End::kDestination, real_of);
}

}  // namespace warren::dataplane
