// Which inner packets a session carries, where a protocol negotiates that (traffic selectors, RFC 7296 §3.13).
#pragma once

#include <cstdint>
#include <vector>

#include "base/ip.h"
#include "vpnd/packet/inner_packet.h"

namespace warren::dataplane {

// What selectors look at, as the stack's side sees it.
struct FlowKey {
    IpAddress local;            // of the stack's side
    IpAddress remote;           // of the peer's side
    std::uint8_t protocol = 0;  // behind IPv6's extension headers
    bool has_ports = false;     // false: another protocol, or a fragment that is not the first
    bool is_later_fragment = false;
    std::uint16_t local_port = 0;  // ICMP: type and code, as both ports (RFC 7296 §3.13.1)
    std::uint16_t remote_port = 0;
};

// Of a packet from the stack, or towards it.
[[nodiscard]] FlowKey outbound_flow(const InnerPacket& packet);
[[nodiscard]] FlowKey inbound_flow(const InnerPacket& packet);

// Equal keys have equal hashes; for queues of a customer's own packets, so it is no secret.
[[nodiscard]] std::uint32_t hash_of(const FlowKey& flow);

struct AddressRange {
    IpAddress first;
    IpAddress last;
    [[nodiscard]] bool contains(const IpAddress& address) const {
        return address.family == first.family && first <= address && address <= last;
    }
};
struct PortRange {
    std::uint16_t first = 0;
    std::uint16_t last = UINT16_MAX;
    [[nodiscard]] bool is_any() const { return first == 0 && last == UINT16_MAX; }
    [[nodiscard]] bool contains(std::uint16_t port) const { return first <= port && port <= last; }
};

struct Selector {
    AddressRange local;
    AddressRange remote;
    std::uint8_t protocol = 0;  // 0: any
    PortRange local_ports;
    PortRange remote_ports;

    // A packet without ports matches only where all ports do (RFC 4301 §7).
    [[nodiscard]] bool matches(const FlowKey& flow) const;
};

// Matches when one does. None: everything.
using Selectors = std::vector<Selector>;
[[nodiscard]] bool matches(const Selectors& selectors, const FlowKey& flow);

}  // namespace warren::dataplane
