#include "vpnd/packet/selector.h"

#include <algorithm>
#include <array>

namespace warren::dataplane {

namespace {

// What lies behind the IP headers.
struct Transport {
    std::uint8_t protocol = 0;
    bool is_later_fragment = false;
    Bytes bytes;
};

// IPv6's extension headers that are skipped (RFC 4301 §4.4.1.1). One that is cut short hides what follows it.
Transport transport_of(const InnerPacket& packet) {
    constexpr std::uint8_t kRouting = 43;
    constexpr std::uint8_t kFragment = 44;
    constexpr std::uint8_t kDestinationOptions = 60;
    constexpr int kMostHeaders = 8;  // the packet is not parsed any further
    Transport out{packet.protocol(), false, Bytes(packet.bytes()).subspan(packet.header_size())};
    if (packet.is_v4()) {
        out.is_later_fragment = (load_be<std::uint16_t>(packet.bytes().data() + 6) & 0x1fffU) != 0;  // RFC 791 §3.1
        return out;
    }
    for (int i = 0; i < kMostHeaders && out.bytes.size() >= 8 && !out.is_later_fragment; ++i) {
        const bool is_fragment = out.protocol == kFragment;
        const bool is_skipped = is_fragment || out.protocol == kProtocolHopByHop || out.protocol == kRouting ||
                                out.protocol == kDestinationOptions;
        const std::size_t size = is_fragment ? 8 : 8 * (out.bytes[1] + std::size_t{1});  // RFC 8200 §4
        if (!is_skipped || size > out.bytes.size()) break;
        out.is_later_fragment = is_fragment && (load_be<std::uint16_t>(out.bytes.data() + 2) & 0xfff8U) != 0;
        out.protocol = out.bytes[0];
        out.bytes = out.bytes.subspan(size);
    }
    return out;
}

bool has_ports(std::uint8_t protocol) {
    constexpr std::array<std::uint8_t, 5> kProtocols{kProtocolTcp, kProtocolUdp, 33, 132, 136};  // DCCP, SCTP, UDP-Lite
    return std::find(kProtocols.begin(), kProtocols.end(), protocol) != kProtocols.end();
}

}  // namespace

FlowKey outbound_flow(const InnerPacket& packet) {
    const Transport transport = transport_of(packet);
    FlowKey flow{.local = packet.source(), .remote = packet.destination(), .protocol = transport.protocol};
    flow.is_later_fragment = transport.is_later_fragment;
    if (transport.is_later_fragment || transport.bytes.size() < 4) return flow;
    const auto first = load_be<std::uint16_t>(transport.bytes.data());
    if (has_ports(transport.protocol)) {
        flow.has_ports = true;
        flow.local_port = first;
        flow.remote_port = load_be<std::uint16_t>(transport.bytes.data() + 2);
    } else if (transport.protocol == (packet.is_v4() ? kProtocolIcmp : kProtocolIcmpV6)) {
        flow.has_ports = true;
        flow.local_port = flow.remote_port = first;
    }
    return flow;
}

FlowKey inbound_flow(const InnerPacket& packet) {
    FlowKey flow = outbound_flow(packet);
    std::swap(flow.local, flow.remote);
    std::swap(flow.local_port, flow.remote_port);
    return flow;
}

// FNV-1a (Fowler, Noll, Vo), with its high bits folded into the low ones.
std::uint32_t hash_of(const FlowKey& flow) {
    std::uint32_t hash = 0x811c9dc5U;
    const auto add = [&](std::uint32_t byte) { hash = (hash ^ byte) * 0x01000193U; };
    for (const std::uint8_t byte : flow.local.bytes()) add(byte);
    for (const std::uint8_t byte : flow.remote.bytes()) add(byte);
    add(flow.protocol);
    for (const std::uint32_t port : {flow.local_port, flow.remote_port}) {
        add(port & 0xffU);
        add(port >> 8U);
    }
    return hash ^ (hash >> 16U);
}

bool Selector::matches(const FlowKey& flow) const {
    if (protocol != 0 && protocol != flow.protocol) return false;
    if (!local.contains(flow.local) || !remote.contains(flow.remote)) return false;
    if (local_ports.is_any() && remote_ports.is_any()) return true;
    return flow.has_ports && local_ports.contains(flow.local_port) && remote_ports.contains(flow.remote_port);
}

bool matches(const Selectors& selectors, const FlowKey& flow) {
    return selectors.empty() ||
           std::any_of(selectors.begin(), selectors.end(), [&](const Selector& one) { return one.matches(flow); });
}

}  // namespace warren::dataplane
