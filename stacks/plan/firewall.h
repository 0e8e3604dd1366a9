// A stack's base ruleset as a value: rendered as nftables text for people, encoded for the kernel in
// firewall_netlink.h. PURE.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip.h"
#include "base/kernel_names.h"
#include "stacks/plan/policy.h"

namespace warren::stacks {

// A chain of our table inet that is the operator's too, as every chain and set in it that has no name of ours: it is
// called before input and forward drop a packet. A change of our rules keeps it.
inline constexpr const char* kCustomerChain = "customer";

enum class Verdict { kAccept, kDrop };

// An address that gets an entry in the kernel's neighbour table, on the device that the packet leaves or came on.
enum class Neighbour {
    kNextHopV4,  // that an IPv4 packet is sent to
    kNextHopV6,
    kSourceV6,   // of a neighbour solicitation
    kArpSender,  // of an ARP request for an address of ours
};

// Matches when every condition that is set holds.
struct FirewallRule {
    std::string in_device;   // "" = any
    std::string out_device;  // "" = any
    bool ipv6_source_unrouted =
        false;  // the source is not routed back over the device that the packet arrived on (RFC 3704, strict)
    Verdict verdict = Verdict::kDrop;
    std::optional<std::uint8_t> icmpv6_type = std::nullopt;
    bool ipv6_multicast = false;                              // by destination
    std::optional<IpAddress> arp_request_for = std::nullopt;  // an ARP request for this IPv4 address
    bool arp_request = false;                                 // any ARP request
    // A SYN: the segment size that it announces becomes what both directions of the path have room for, if that is
    // less. The next rule decides about it.
    bool clamps_mss = false;
    // It is in its set already, or there is room to put it there.
    std::optional<Neighbour> fits = std::nullopt;
    std::string calls = {};     // jumps to this chain; the verdict counts for nothing
    bool untracked = false;     // conntrack could not make a connection of it, and connections are tracked
    bool echo_request = false;  // of ICMP
    bool operator==(const FirewallRule&) const = default;
};

struct FirewallChain {
    enum class Hook { kInput, kForward, kOutput, kPostrouting, kArpInput };
    Hook hook = Hook::kInput;
    Verdict policy = Verdict::kDrop;  // for packets that no rule matches
    std::vector<FirewallRule> rules;
    bool operator==(const FirewallChain&) const = default;
};

// Pairs of a device and an address that were used within the timeout, at most `size`.
struct NeighbourSet {
    std::string name;
    Neighbour of = Neighbour::kNextHopV4;  // kSourceV6 shares that of kNextHopV6
    std::uint32_t size = 0;
    bool operator==(const NeighbourSet&) const = default;
};

struct Firewall {
    std::vector<FirewallChain> chains;
    std::vector<NeighbourSet> sets;
    Policy policy;
    bool operator==(const Firewall&) const = default;
};

// How long a neighbour stays in a set without a packet: longer than the kernel keeps an unused entry (gc_stale_time,
// 60 s, and the time to its next garbage collection, 15 s), so that a stack never has many more entries than its sets
// have elements.
inline constexpr std::uint32_t kNeighbourSeconds = 120;

// Tunnels, handoff and the operator's `devices` may talk to each other and to the stack's own programs; nothing else,
// but for what the customer's chain accepts. Without a policy no rule needs connection tracking. `neighbours`: the size
// of each set, for all devices but vpn0 together; 0: the stack has no device with neighbours. `lan`: the addresses of
// lan0. `clamp_mss`: TCP connections between devices of different MTU work even where no ICMP error arrives.
[[nodiscard]] Firewall default_firewall(std::uint32_t neighbours = 0, std::span<const Prefix> lan = {},
                                        bool clamp_mss = true, std::span<const std::string> devices = {});
// The same for a customer whose own policy decides what else may pass. The order is in docs/life-of-a-packet.md.
[[nodiscard]] Firewall with_policy(Firewall base, Policy policy);

// As `nft list table inet warren` prints it, then, with ARP rules, `nft list table arp warren`.
[[nodiscard]] std::string render(const Firewall& firewall);
// Stored as the comment of the chain input, which shows the loaded ruleset. A table's comment stays with the table.
[[nodiscard]] std::string identity(const Firewall& firewall);
[[nodiscard]] std::size_t rule_count(const Firewall& firewall);
// The chains with their policies, in the order of their names: "forward drop, input drop".
[[nodiscard]] std::string chain_summary(const Firewall& firewall);
// The same of chains given as "NAME POLICY".
[[nodiscard]] std::string chain_summary(std::vector<std::string> chains);
[[nodiscard]] const char* name_of(Verdict verdict);
// "input", "forward", "output", "postrouting": the hook is the chain's name too.
[[nodiscard]] const char* name_of(FirewallChain::Hook hook);
// Whether a chain of this name in our table of this family is replaced with our rules.
[[nodiscard]] bool is_our_chain(bool arp, std::string_view name);
// The set in which these are counted.
[[nodiscard]] const char* set_of(Neighbour neighbour);
[[nodiscard]] bool is_arp(const FirewallChain& chain);
[[nodiscard]] bool is_arp(const NeighbourSet& set);

}  // namespace warren::stacks
