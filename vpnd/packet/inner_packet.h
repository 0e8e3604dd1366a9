// A checked view of the IP packet inside a tunnel: after the check its accessors cannot fail.
#pragma once

#include "base/bytes.h"
#include "base/ip.h"
#include "vpnd/packet/checked.h"
#include "vpnd/packet/ecn.h"

namespace warren::dataplane {

// IP protocol numbers (IANA).
inline constexpr std::uint8_t kProtocolHopByHop = 0;
inline constexpr std::uint8_t kProtocolIcmp = 1;
inline constexpr std::uint8_t kProtocolTcp = 6;
inline constexpr std::uint8_t kProtocolUdp = 17;
inline constexpr std::uint8_t kProtocolIcmpV6 = 58;
inline constexpr std::uint8_t kProtocolNone = 59;

inline constexpr std::size_t kIpV4HeaderMinimum = 20;  // RFC 791 §3.1
inline constexpr std::size_t kIpV6HeaderSize = 40;     // RFC 8200 §3

// Refers to bytes that somebody else owns.
class InnerPacket {
  public:
    // Version 4 with at least 20 bytes or 6 with at least 40; header length and total length within what is there; what
    // follows the total length (padding) is cut off. Source: conformance D3, RFC 791 §3.1, RFC 8200 §3.
    [[nodiscard]] static Checked<InnerPacket> parse(MutableBytes bytes);

    [[nodiscard]] MutableBytes bytes() const { return bytes_; }
    [[nodiscard]] bool is_v4() const { return is_v4_; }
    [[nodiscard]] Family family() const { return is_v4_ ? Family::kV4 : Family::kV6; }
    // Of the IPv4 header with options, or of the fixed IPv6 header.
    [[nodiscard]] std::size_t header_size() const { return is_v4_ ? (bytes_[0] & 0x0fU) * 4U : kIpV6HeaderSize; }
    // IPv4 protocol, or the IPv6 fixed header's next header.
    [[nodiscard]] std::uint8_t protocol() const { return bytes_[is_v4_ ? 9 : 6]; }
    [[nodiscard]] IpAddress source() const { return address_at(is_v4_ ? 12 : 8); }
    [[nodiscard]] IpAddress destination() const { return address_at(is_v4_ ? 16 : 24); }
    // Both addresses as they lie in the header.
    [[nodiscard]] Bytes addresses() const {
        return is_v4_ ? Bytes(bytes_).subspan(12, 8) : Bytes(bytes_).subspan(8, 32);
    }
    // IPv4 TOS or IPv6 traffic class: DSCP and ECN.
    [[nodiscard]] std::uint8_t traffic_class() const {
        return is_v4_ ? bytes_[1] : static_cast<std::uint8_t>((bytes_[0] << 4) | (bytes_[1] >> 4));
    }
    // IPv4 only: a fragment, first or later.
    [[nodiscard]] bool is_v4_fragment() const {
        return is_v4_ && (load_be<std::uint16_t>(bytes_.data() + 6) & 0x3fffU) != 0;
    }
    [[nodiscard]] bool dont_fragment() const { return !is_v4_ || (bytes_[6] & 0x40U) != 0; }

    // Writes the ECN field, and keeps the IPv4 header checksum as right or wrong as it was (RFC 1624).
    void set_ecn(Ecn ecn) const;

  private:
    InnerPacket(MutableBytes bytes, bool is_v4) : bytes_(bytes), is_v4_(is_v4) {}
    [[nodiscard]] IpAddress address_at(std::size_t offset) const {
        return IpAddress::from_bytes(Bytes(bytes_).subspan(offset, is_v4_ ? 4 : 16));
    }

    MutableBytes bytes_;
    bool is_v4_;
};

// True for sources that no host can have, whatever AllowedIPs say: unspecified and 0.0.0.0/8, loopback, multicast,
// limited broadcast, v4-mapped (RFC 1122 §3.2.1.3, RFC 4291 §2.5, §2.7).
[[nodiscard]] bool is_martian_source(const IpAddress& source);

}  // namespace warren::dataplane
