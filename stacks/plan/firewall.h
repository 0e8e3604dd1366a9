// A stack's base ruleset as a value: rendered as nftables text for people, encoded for the kernel in
// firewall_netlink.h. PURE.
#pragma once

#include <string>
#include <vector>

namespace warren::stacks {

// The table, of family inet, that is ours; other tables in the stack are the operator's.
inline constexpr const char* kFirewallTable = "warren";

enum class Verdict { kAccept, kDrop };

// Matches when every condition that is set holds.
struct FirewallRule {
    std::string in_device;   // "" = any
    std::string out_device;  // "" = any
    bool ipv6_source_unrouted =
        false;  // the source is not routed back over the device that the packet arrived on (RFC 3704, strict)
    Verdict verdict = Verdict::kDrop;
    bool operator==(const FirewallRule&) const = default;
};

struct FirewallChain {
    enum class Hook { kInput, kForward, kOutput };
    Hook hook = Hook::kInput;
    Verdict policy = Verdict::kDrop;  // for packets that no rule matches
    std::vector<FirewallRule> rules;
    bool operator==(const FirewallChain&) const = default;
};

struct Firewall {
    std::vector<FirewallChain> chains;
    bool operator==(const Firewall&) const = default;
};

// Tunnels and handoff may talk to each other and to the stack's own programs; nothing else. No rule needs connection
// tracking.
[[nodiscard]] Firewall default_firewall();

// As `nft list table inet warren` prints it.
[[nodiscard]] std::string render(const Firewall& firewall);
// Stored as the table's comment, which shows the loaded ruleset.
[[nodiscard]] std::string identity(const Firewall& firewall);
[[nodiscard]] std::size_t rule_count(const Firewall& firewall);
// "input", "forward", "output": the hook is the chain's name too.
[[nodiscard]] const char* name_of(FirewallChain::Hook hook);

}  // namespace warren::stacks
