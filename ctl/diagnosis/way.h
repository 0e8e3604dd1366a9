// The way of an imagined packet through a customer's stack and tunnels. Pure: from what the kernel did with such a
// packet in a copy of the stack, and what vpnd knows of the peers, to a verdict.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/ip.h"
#include "ipc/snapshot.h"

namespace warren::diagnosis {

// Protocol numbers.
inline constexpr std::uint8_t kIcmp = 1;
inline constexpr std::uint8_t kTcp = 6;
inline constexpr std::uint8_t kUdp = 17;
inline constexpr std::uint8_t kIcmpv6 = 58;

struct ImaginedPacket {
    IpAddress from;
    IpAddress to;
    std::uint8_t protocol = kIcmp;  // of IPv6 also kIcmpv6
    std::uint16_t from_port = 0;
    std::uint16_t to_port = 0;
    bool is_answer = false;  // to an imagined packet of before
    bool operator==(const ImaginedPacket&) const = default;
};
// "10.0.0.2 -> 10.42.0.10 tcp/443"
[[nodiscard]] std::string text_of(const ImaginedPacket& packet);

// A route of the stack.
struct WayRoute {
    Prefix to;
    std::string type;  // "unicast", "blackhole", ...
    std::string device;
};

// What a rule, or the end of a chain, did with the packet.
struct WayStep {
    std::string table;
    std::string chain;
    std::string text;  // what Warren says of the rule: "rule web\naccept tcp 443"; "": nothing
    bool is_rule = false;
    bool drops = false;
};

// What the kernel did with the packet.
struct Passage {
    std::vector<WayStep> steps;
    std::string out_device;               // it left by that one; "": it did not
    std::optional<ImaginedPacket> after;  // as it left: translated, maybe
    bool is_delivered = false;            // to the stack itself
    std::string error;                    // that its sender got instead: "ICMP 3/13", "TCP reset"; "": none
};

struct WayFacts {
    ImaginedPacket packet;
    std::string in_device;  // "": the stack sends it itself
    Passage passage;
    std::vector<WayRoute> routes;
    ipc::CustomerSnapshot customer;
    std::vector<ipc::PeerSnapshot> peers;
    std::vector<ipc::ConnectionSnapshot> connections;
};

// One thing that was looked at, in order: "firewall", "rule web accepts it: tcp 443".
struct WayPart {
    std::string name;
    std::string text;
};
struct Way {
    ImaginedPacket packet;
    std::vector<WayPart> parts;
    bool passes = false;
    // A drop reason of vpnd, "firewall", "route", "source", "suspended" or "not_known"; "": it passes.
    std::string reason;
    std::string rule;      // of the firewall, that decided; "": none
    std::string sentence;  // the verdict
    std::string end;       // where it ends: "peer graz", "handoff", "stack", "device NAME"; "": nowhere
};

// The device that a packet from this address comes in by: where the stack's routes lead back to. "": the stack itself
// has it, or nobody.
[[nodiscard]] std::string in_device_of(const IpAddress& from, const ipc::CustomerSnapshot& customer,
                                       const std::vector<WayRoute>& routes);
[[nodiscard]] Way way_of(const WayFacts& facts);

}  // namespace warren::diagnosis
