#include "vpnd/packet/selector.h"

#include <algorithm>

namespace warren::dataplane {

namespace {

// IPv6 fragments and extension headers hide the transport header: then the packet has no ports that count.
bool has_ports(const InnerPacket& packet) {
    const std::uint8_t protocol = packet.protocol();
    if (protocol != kProtocolTcp && protocol != kProtocolUdp) return false;
    const bool is_later_fragment =
        packet.is_v4() && (load_be<std::uint16_t>(packet.bytes().data() + 6) & 0x1fffU) != 0;  // RFC 791 §3.1
    return !is_later_fragment && packet.bytes().size() >= packet.header_size() + 4;
}

}  // namespace

FlowKey outbound_flow(const InnerPacket& packet) {
    FlowKey flow{.local = packet.source(), .remote = packet.destination(), .protocol = packet.protocol()};
    flow.has_ports = has_ports(packet);
    if (!flow.has_ports) return flow;
    const std::uint8_t* const ports = packet.bytes().data() + packet.header_size();
    flow.local_port = load_be<std::uint16_t>(ports);
    flow.remote_port = load_be<std::uint16_t>(ports + 2);
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
