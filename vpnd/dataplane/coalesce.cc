#include "vpnd/dataplane/coalesce.h"

#include <algorithm>

#include "vpnd/dataplane/egress.h"
#include "vpnd/packet/checksum.h"
#include "vpnd/packet/transport_header.h"

namespace warren::dataplane {

namespace {

constexpr std::size_t kSuperPacketMaximum = 65'000;

// The field at this offset, which both have.
template <typename Field>
bool is_equal(Bytes a, Bytes b, std::size_t at) {
    return load_le<Field>(a.data() + at) == load_le<Field>(b.data() + at);
}

// From offset `from` up to, not including, `to`, which both have.
bool is_equal(Bytes a, Bytes b, std::size_t from, std::size_t to) {
    return std::equal(a.begin() + static_cast<std::ptrdiff_t>(from), a.begin() + static_cast<std::ptrdiff_t>(to),
                      b.begin() + static_cast<std::ptrdiff_t>(from));
}

bool has_same_addresses(Bytes a, Bytes b, bool is_v4) {
    return is_v4 ? is_equal<std::uint64_t>(a, b, 12) : is_equal(a, b, 8, 40);
}

// Acknowledgement, header length, window, urgent pointer and options; not the flags, which were looked at.
bool has_same_tcp_fields(Bytes a, Bytes b, std::size_t transport, std::size_t headers) {
    return is_equal<std::uint32_t>(a, b, transport + kTcpAcknowledgement) &&
           a[transport + kTcpDataOffset] == b[transport + kTcpDataOffset] &&
           is_equal<std::uint16_t>(a, b, transport + kTcpWindow) &&
           is_equal<std::uint16_t>(a, b, transport + kTcpUrgentPointer) &&
           (headers == transport + kTcpHeaderMinimum || is_equal(a, b, transport + kTcpHeaderMinimum, headers));
}

// Over the pseudo-header, the transport header and the payload; the sum of a right packet is all ones.
bool has_right_checksum(Bytes packet, std::size_t transport, std::uint8_t protocol) {
    const bool is_v4 = packet[0] >> 4 == 4;
    const Bytes addresses = is_v4 ? packet.subspan(12, 8) : packet.subspan(8, 32);
    const Bytes segment = packet.subspan(transport);
    return checksum_fold(checksum_pseudo_header(addresses, protocol, segment.size()) + checksum_sum(segment)) == 0xffff;
}

}  // namespace

void Coalescer::add(const Way& way, const InnerPacket& packet, Output& out) {
    Layout layout;
    const bool has_flow = find_layout(packet, layout) && (layout.is_tcp ? way.joining.tcp : way.joining.udp);
    Flow* flow = has_flow ? find(way, packet, layout) : nullptr;
    const std::uint8_t protocol = layout.is_tcp ? kProtocolTcp : kProtocolUdp;
    bool is_right = true;
    if (flow != nullptr && continues(*flow, packet, layout)) {
        flow->first_verified = flow->first_verified || has_right_checksum(flow->first, layout.transport, protocol);
        is_right = has_right_checksum(packet.bytes(), layout.transport, protocol);
        if (flow->first_verified && is_right) {
            join(*flow, packet, layout, out);
            const bool is_last = flow->pushed || packet.bytes().size() - layout.headers < flow->segment_payload;
            if (is_last) close(*flow, out);
            return;
        }
    }
    // What comes later of this flow must not overtake this packet.
    if (flow != nullptr) close(*flow, out);
    TunWrite& write = out.tun_writes.emplace_back();
    write.customer = way.customer;
    write.first.bytes = packet.bytes();
    if (has_flow && layout.joinable && is_right) open(way, packet, layout, out);
}

// False when the packet belongs to no flow that we can name: other protocols, fragments, IPv6 extension headers,
// nonsense.
bool Coalescer::find_layout(const InnerPacket& packet, Layout& layout) {
    const std::uint8_t protocol = packet.protocol();
    if ((protocol != kProtocolTcp && protocol != kProtocolUdp) || packet.is_v4_fragment()) return false;
    layout.is_tcp = protocol == kProtocolTcp;
    layout.transport = packet.header_size();
    const Bytes bytes = packet.bytes();
    if (bytes.size() < layout.transport + (layout.is_tcp ? kTcpHeaderMinimum : kUdpHeaderSize)) return false;
    layout.headers = layout.transport + kUdpHeaderSize;
    if (layout.is_tcp) layout.headers = layout.transport + (bytes[layout.transport + kTcpDataOffset] >> 4) * 4U;
    layout.joinable = is_joinable(packet, layout);
    return true;
}

bool Coalescer::is_joinable(const InnerPacket& packet, const Layout& layout) {
    const Bytes bytes = packet.bytes();
    if (bytes.size() <= layout.headers) return false;  // nothing to join
    if (packet.is_v4()) {
        if (layout.transport != kIpV4HeaderMinimum) return false;  // IPv4 options
        if (checksum_fold(checksum_sum(bytes.first(kIpV4HeaderMinimum))) != 0xffff) return false;
    }
    const Bytes transport = bytes.subspan(layout.transport);
    if (layout.is_tcp) {
        if (layout.headers < layout.transport + kTcpHeaderMinimum) return false;
        return (transport[kTcpFlags] | kTcpPush) == (kTcpAck | kTcpPush) && (transport[kTcpDataOffset] & 0x0fU) == 0;
    }
    return load_be<std::uint16_t>(transport.data() + kUdpLength) == transport.size() &&
           load_le<std::uint16_t>(transport.data() + kUdpChecksum) != 0;
}

Coalescer::Flow* Coalescer::find(const Way& way, const InnerPacket& packet, const Layout& layout) {
    const Bytes bytes = packet.bytes();
    const auto ports = load_le<std::uint32_t>(bytes.data() + layout.transport);
    for (Flow& flow : std::span(flows_).first(open_)) {
        if (flow.ports != ports) continue;  // tells most of them apart
        if (flow.way.customer != way.customer || flow.way.peer != way.peer || flow.layout.is_tcp != layout.is_tcp)
            continue;
        if (flow.first[0] >> 4 == bytes[0] >> 4 && has_same_addresses(flow.first, bytes, packet.is_v4())) return &flow;
    }
    return nullptr;
}

// The packet is what segmentation of the flow's super-packet would give next; only checksums are not looked at.
bool Coalescer::continues(Flow& flow, const InnerPacket& packet, const Layout& layout) {
    if (!layout.joinable || layout.transport != flow.layout.transport || layout.headers != flow.layout.headers)
        return false;
    const Bytes bytes = packet.bytes();
    const Bytes first = flow.first;
    const std::size_t payload = bytes.size() - layout.headers;
    if (flow.most == 0) {
        // The super-packet must fit into one train when the stack sends it on into another tunnel.
        const std::size_t message = flow.way.framing->message_size(first.size(), flow.way.mtu);
        flow.most = std::min(Egress::kTrainDatagrams, kDatagramMaximum / message);
    }
    if (payload > flow.segment_payload || flow.count >= flow.most || flow.size + payload > kSuperPacketMaximum)
        return false;

    if (packet.is_v4()) {
        // Traffic class; flags and offset, lifetime, protocol. The identification counts up, where it means something
        // (RFC 6864 §4.1).
        if (first[1] != bytes[1] || !is_equal<std::uint32_t>(first, bytes, 6)) return false;
        const auto expected = static_cast<std::uint16_t>(load_be<std::uint16_t>(first.data() + 4) + flow.count);
        if (!packet.dont_fragment() && load_be<std::uint16_t>(bytes.data() + 4) != expected) return false;
    } else {
        // Version, traffic class and flow label; next header and hop limit.
        if (!is_equal<std::uint32_t>(first, bytes, 0) || !is_equal<std::uint16_t>(first, bytes, 6)) return false;
    }
    if (!layout.is_tcp) return true;
    const std::size_t transport = layout.transport;
    const auto sequence = static_cast<std::uint32_t>(load_be<std::uint32_t>(first.data() + transport + kTcpSequence) +
                                                     flow.size - layout.headers);
    return load_be<std::uint32_t>(bytes.data() + transport + kTcpSequence) == sequence &&
           has_same_tcp_fields(first, bytes, transport, layout.headers);
}

void Coalescer::join(Flow& flow, const InnerPacket& packet, const Layout& layout, Output& out) {
    const Bytes payload = Bytes(packet.bytes()).subspan(layout.headers);
    const auto at = static_cast<std::uint32_t>(out.pieces.size());
    out.pieces.push_back({payload, Piece::kLast});
    TunWrite& write = out.tun_writes[flow.write];
    (flow.tail == Piece::kLast ? write.first : out.pieces[flow.tail]).next = at;
    ++write.packets;
    flow.tail = at;
    flow.size += payload.size();
    ++flow.count;
    flow.pushed = layout.is_tcp && (packet.bytes()[layout.transport + kTcpFlags] & kTcpPush) != 0;
}

// The packet was just appended to `out`.
void Coalescer::open(const Way& way, const InnerPacket& packet, const Layout& layout, Output& out) {
    const MutableBytes bytes = packet.bytes();
    if (layout.is_tcp && (bytes[layout.transport + kTcpFlags] & kTcpPush) != 0)
        return;  // it would end the super-packet at once
    if (open_ == kFlows) close(flows_[0], out);
    Flow& flow = flows_[open_++] = {};
    flow.way = way;
    flow.layout = layout;
    flow.ports = load_le<std::uint32_t>(bytes.data() + layout.transport);
    flow.first = bytes;
    flow.write = out.tun_writes.size() - 1;
    flow.segment_payload = bytes.size() - layout.headers;
    flow.size = bytes.size();
}

void Coalescer::close(Flow& flow, Output& out) {
    complete(flow, out);
    // The others keep their order, so that the oldest goes first when there are too many.
    const auto at = flows_.begin() + (&flow - flows_.data());
    std::move(at + 1, flows_.begin() + static_cast<std::ptrdiff_t>(open_), at);
    --open_;
}

void Coalescer::finish(Output& out) {
    for (const Flow& flow : std::span(flows_).first(open_)) complete(flow, out);
    open_ = 0;
}

// The first packet's headers become those of the whole: lengths, PSH, and a checksum that covers the pseudo-header
// only, for the kernel to complete (virtio 1.1 §5.1.6.2).
void Coalescer::complete(const Flow& flow, Output& out) {
    if (flow.count == 1) return;
    const Layout& layout = flow.layout;
    std::uint8_t* const packet = flow.first.data();
    std::uint8_t* const transport = packet + layout.transport;
    const bool is_v4 = packet[0] >> 4 == 4;
    if (is_v4) {
        store_be(packet + 2, static_cast<std::uint16_t>(flow.size));
        store_le<std::uint16_t>(packet + 10, 0);
        store_le(packet + 10, checksum_finish(checksum_sum(Bytes(packet, kIpV4HeaderMinimum))));
    } else {
        store_be(packet + 4, static_cast<std::uint16_t>(flow.size - kIpV6HeaderSize));
    }
    const std::size_t length = flow.size - layout.transport;
    if (layout.is_tcp && flow.pushed) transport[kTcpFlags] |= kTcpPush;
    if (!layout.is_tcp) store_be(transport + kUdpLength, static_cast<std::uint16_t>(length));
    const Bytes addresses = is_v4 ? Bytes(packet + 12, 8) : Bytes(packet + 8, 32);
    const std::size_t field = layout.is_tcp ? kTcpChecksum : kUdpChecksum;
    store_le(transport + field,
             checksum_fold(checksum_pseudo_header(addresses, layout.is_tcp ? kProtocolTcp : kProtocolUdp, length)));

    OffloadHeader header;
    header.flags = OffloadHeader::kNeedsChecksum;
    header.gso_type = static_cast<std::uint8_t>(!layout.is_tcp ? GsoType::kUdp
                                                : is_v4        ? GsoType::kTcpV4
                                                               : GsoType::kTcpV6);
    header.header_size = static_cast<std::uint16_t>(layout.headers);
    header.gso_size = static_cast<std::uint16_t>(flow.segment_payload);
    header.checksum_start = static_cast<std::uint16_t>(layout.transport);
    header.checksum_offset = static_cast<std::uint16_t>(field);
    out.tun_writes[flow.write].header = header.encode();
}

}  // namespace warren::dataplane
