// [firewall] and [nat] of a customer's file as plain values: what may pass through its stack, and what is translated
// there.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/ip.h"

namespace warren::config {

enum class FirewallAction { kAccept, kDrop, kReject };
enum class FirewallProtocol { kAny, kTcp, kUdp, kIcmp };  // kIcmp: of both families

struct PortRange {
    std::uint16_t first = 0;
    std::uint16_t last = 0;  // >= first
    auto operator<=>(const PortRange&) const = default;
};

// The first rule that a connection matches decides about it and its replies.
struct FirewallRule {
    std::string name;               // unique within the customer
    std::vector<std::string> from;  // RuleEnd as written; empty: any
    std::vector<std::string> to;    // the same
    FirewallProtocol protocol = FirewallProtocol::kAny;
    std::vector<PortRange> ports;  // of the destination; empty: all
    FirewallAction action = FirewallAction::kDrop;
    bool log = false;  // what it decides about is told in the customer's log, some of it
    bool operator==(const FirewallRule&) const = default;
};

struct Firewall {
    FirewallAction otherwise = FirewallAction::kAccept;  // for what no rule matches
    bool allow_ping = true;
    std::uint32_t max_connections = 65536;  // that the stack tracks at once
    std::vector<FirewallRule> rules;
    bool operator==(const Firewall&) const = default;
};

enum class ForwardFrom { kHandoff, kPeers };

// A port of the stack's own addresses that leads to a host behind a tunnel.
struct Forward {
    FirewallProtocol protocol = FirewallProtocol::kAny;  // kTcp or kUdp
    std::uint16_t port = 0;
    ForwardFrom from = ForwardFrom::kHandoff;
    Endpoint to;
    bool operator==(const Forward&) const = default;
};

// One to one: the stack and everything beyond it see `mapped` where the peer has `real`.
struct NatMap {
    std::string peer;  // or a connection, behind which the real network is
    Prefix real;       // no host bits
    Prefix mapped;     // no host bits; as long as `real`
    bool operator==(const NatMap&) const = default;
};

struct Nat {
    std::vector<std::string> masquerade;       // "handoff", "peers": IPv4 that leaves there gets the stack's address
    std::vector<std::string> masquerade_ipv6;  // the same for IPv6
    std::vector<Forward> forwards;
    std::vector<NatMap> maps;
    bool operator==(const Nat&) const = default;
};

// What `from` and `to` of a rule name.
struct RuleEnd {
    enum class Kind { kAny, kHandoff, kPeer, kGroup, kNetwork };
    Kind kind = Kind::kAny;
    std::string name;  // kPeer: of a peer or a connection; kGroup
    Prefix network;    // kNetwork
    bool operator==(const RuleEnd&) const = default;
};
// "any", "handoff", "peer:NAME", "group:NAME" or a network; nothing when it is none of these.
[[nodiscard]] std::optional<RuleEnd> parse_rule_end(std::string_view text);
// "8000-8010" or "443"; nothing when it is neither, or 0.
[[nodiscard]] std::optional<PortRange> parse_ports(std::string_view text);
[[nodiscard]] std::string to_string(const PortRange& ports);
[[nodiscard]] const char* name_of(FirewallAction action);
[[nodiscard]] const char* name_of(FirewallProtocol protocol);
[[nodiscard]] const char* name_of(ForwardFrom from);

inline constexpr std::size_t kMaxFirewallRules = 1000;
inline constexpr std::size_t kMaxRuleEnds = 64;   // of one side of a rule
inline constexpr std::size_t kMaxRulePorts = 64;  // ports and ranges of a rule
inline constexpr std::size_t kMaxRuleName = 64;   // bytes
inline constexpr std::size_t kMaxForwards = 256;
inline constexpr std::size_t kMaxNatMaps = 64;
inline constexpr std::size_t kMaxGroups = 16;  // of a peer
inline constexpr std::uint32_t kMaxConnections = 262144;

}  // namespace warren::config
