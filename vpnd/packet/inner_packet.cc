#include "vpnd/packet/inner_packet.h"

#include "vpnd/packet/checksum.h"

namespace warren::dataplane {

Checked<InnerPacket> InnerPacket::parse(MutableBytes bytes) {
    if (bytes.empty()) return drop(DropReason::kInnerMalformed);
    const unsigned version = bytes[0] >> 4;
    if (version == 4) {
        if (bytes.size() < kIpV4HeaderMinimum) return drop(DropReason::kInnerMalformed);
        const std::size_t header = (bytes[0] & 0x0fU) * 4U;
        const std::size_t total = load_be<std::uint16_t>(bytes.data() + 2);
        if (header < kIpV4HeaderMinimum || total < header || total > bytes.size())
            return drop(DropReason::kInnerMalformed);
        return InnerPacket(bytes.first(total), true);
    }
    if (version == 6) {
        if (bytes.size() < kIpV6HeaderSize) return drop(DropReason::kInnerMalformed);
        const std::size_t payload = load_be<std::uint16_t>(bytes.data() + 4);
        // A payload length of zero is a jumbogram's (RFC 2675 §3), unless the packet says that nothing follows.
        if (payload == 0 && bytes[6] != kProtocolNone) return drop(DropReason::kInnerJumbogram);
        if (kIpV6HeaderSize + payload > bytes.size()) return drop(DropReason::kInnerMalformed);
        return InnerPacket(bytes.first(kIpV6HeaderSize + payload), false);
    }
    return drop(DropReason::kInnerMalformed);
}

void InnerPacket::set_ecn(Ecn ecn) const {
    const auto field = static_cast<std::uint8_t>(ecn);
    if (!is_v4_) {
        bytes_[1] = static_cast<std::uint8_t>((bytes_[1] & 0xcfU) | (field << 4));
        return;
    }
    const auto before = load_le<std::uint16_t>(bytes_.data());
    bytes_[1] = static_cast<std::uint8_t>((bytes_[1] & 0xfcU) | field);
    const auto after = load_le<std::uint16_t>(bytes_.data());
    // RFC 1624 §3, equation 3: HC' = ~(~HC + ~m + m').
    const auto checksum = load_le<std::uint16_t>(bytes_.data() + 10);
    const ChecksumSum sum =
        static_cast<std::uint16_t>(~checksum) + ChecksumSum{static_cast<std::uint16_t>(~before)} + after;
    store_le(bytes_.data() + 10, checksum_finish(sum));
}

bool is_martian_source(const IpAddress& source) {
    if (source.is_v4()) {
        const bool limited_broadcast = load_le<std::uint32_t>(source.octets.data()) == 0xffffffffU;
        return source.octets[0] == 0 || source.is_loopback() || source.is_multicast() || limited_broadcast;
    }
    return source.is_unspecified() || source.is_loopback() || source.is_multicast() || source.is_v4_mapped();
}

}  // namespace warren::dataplane
