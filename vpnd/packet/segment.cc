#include "vpnd/packet/segment.h"

#include <algorithm>

#include "vpnd/packet/checksum.h"
#include "vpnd/packet/transport_header.h"

namespace warren::dataplane {

Checked<SuperPacket> SuperPacket::parse(MutableBytes bytes) {
    if (bytes.size() < kOffloadHeaderSize) return drop(DropReason::kOffloadHeaderInvalid);
    const auto inner = InnerPacket::parse(bytes.subspan(kOffloadHeaderSize));
    if (!inner) return drop(inner.error());
    SuperPacket out(*inner, OffloadHeader::decode(bytes));
    if (!out.accept_checksum() || !out.accept_segmentation()) return drop(DropReason::kOffloadHeaderInvalid);
    return out;
}

// The checksum to be completed lies in the packet, behind the network header.
bool SuperPacket::accept_checksum() {
    if ((header_.flags & OffloadHeader::kNeedsChecksum) == 0) return true;
    const std::size_t field = std::size_t{header_.checksum_start} + header_.checksum_offset;
    return header_.checksum_start >= inner_.header_size() && field + 2 <= inner_.bytes().size();
}

bool SuperPacket::accept_segmentation() {
    const auto type = static_cast<GsoType>(header_.gso_type & ~OffloadHeader::kGsoEcn);
    if (type == GsoType::kNone) return true;
    const bool wants_v4 = type == GsoType::kTcpV4 || (type == GsoType::kUdp && inner_.is_v4());
    if (type != GsoType::kTcpV4 && type != GsoType::kTcpV6 && type != GsoType::kUdp) return false;
    if (wants_v4 != inner_.is_v4() || inner_.is_v4_fragment() || header_.gso_size == 0) return false;
    is_tcp_ = type != GsoType::kUdp;
    transport_ = inner_.header_size();
    if (inner_.protocol() != transport_protocol()) {
        // Behind IPv6 extension headers it starts where the checksum does.
        if (inner_.is_v4() || (header_.flags & OffloadHeader::kNeedsChecksum) == 0) return false;
        transport_ = header_.checksum_start;
    }
    const Bytes packet = inner_.bytes();
    if (packet.size() < transport_ + (is_tcp_ ? kTcpHeaderMinimum : kUdpHeaderSize)) return false;
    const std::size_t transport_header = is_tcp_ ? (packet[transport_ + kTcpDataOffset] >> 4) * 4U : kUdpHeaderSize;
    if (is_tcp_ && transport_header < kTcpHeaderMinimum) return false;
    headers_ = transport_ + transport_header;
    if (packet.size() <= headers_) return false;
    segment_payload_ = header_.gso_size;
    const std::size_t payload = packet.size() - headers_;
    count_ = (payload + segment_payload_ - 1) / segment_payload_;
    return true;
}

std::size_t SuperPacket::payload_of(std::size_t i) const {
    if (segment_payload_ == 0) return 0;
    const std::size_t payload = inner_.bytes().size() - headers_;
    return std::min(segment_payload_, payload - i * segment_payload_);
}

void SuperPacket::write(std::size_t i, std::uint8_t* to) const {
    if (segment_payload_ == 0) return write_whole(to);
    const Bytes packet = inner_.bytes();
    const Bytes payload = packet.subspan(headers_ + i * segment_payload_, payload_of(i));
    std::memcpy(to, packet.data(), headers_);
    write_network_header(i, to);

    std::uint8_t* transport = to + transport_;
    const std::size_t length = headers_ - transport_ + payload.size();
    const std::size_t checksum_offset = is_tcp_ ? kTcpChecksum : kUdpChecksum;
    if (is_tcp_) {
        const auto sequence = load_be<std::uint32_t>(transport + kTcpSequence);
        store_be(transport + kTcpSequence, static_cast<std::uint32_t>(sequence + i * segment_payload_));
        if (i + 1 < count_) transport[kTcpFlags] &= static_cast<std::uint8_t>(~(kTcpFin | kTcpPush));
        if (i > 0) transport[kTcpFlags] &= static_cast<std::uint8_t>(~kTcpCwr);  // RFC 3168 §6.1.2: once per window
    } else {
        store_be(transport + kUdpLength, static_cast<std::uint16_t>(length));
    }
    store_le<std::uint16_t>(transport + checksum_offset, 0);
    ChecksumSum sum = checksum_pseudo_header(inner_.addresses(), transport_protocol(), length);
    sum += checksum_sum(Bytes(transport, headers_ - transport_));
    sum += checksum_copy(to + headers_, payload);
    const std::uint16_t checksum = checksum_finish(sum);
    // A UDP checksum of zero would mean "none" (RFC 768).
    store_le<std::uint16_t>(transport + checksum_offset, checksum == 0 && !is_tcp_ ? 0xffff : checksum);
}

void SuperPacket::write_network_header(std::size_t i, std::uint8_t* to) const {
    const std::size_t size = size_of(i);
    if (!inner_.is_v4()) {
        store_be(to + 4, static_cast<std::uint16_t>(size - kIpV6HeaderSize));
        return;
    }
    store_be(to + 2, static_cast<std::uint16_t>(size));
    const auto identification = load_be<std::uint16_t>(to + 4);
    store_be(to + 4, static_cast<std::uint16_t>(identification + i));
    store_le<std::uint16_t>(to + 10, 0);
    store_le(to + 10, checksum_finish(checksum_sum(Bytes(to, transport_))));
}

// The kernel put the pseudo-header's sum into the checksum field; what is missing is the sum from there to the end.
void SuperPacket::write_whole(std::uint8_t* to) const {
    const Bytes packet = inner_.bytes();
    if ((header_.flags & OffloadHeader::kNeedsChecksum) == 0) {
        std::memcpy(to, packet.data(), packet.size());
        return;
    }
    std::memcpy(to, packet.data(), header_.checksum_start);
    const ChecksumSum sum = checksum_copy(to + header_.checksum_start, packet.subspan(header_.checksum_start));
    const std::uint16_t checksum = checksum_finish(sum);
    const bool is_udp = inner_.protocol() == kProtocolUdp;
    store_le<std::uint16_t>(to + header_.checksum_start + header_.checksum_offset,
                            checksum == 0 && is_udp ? 0xffff : checksum);
}

}  // namespace warren::dataplane
