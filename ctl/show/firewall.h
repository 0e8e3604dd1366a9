// A customer's own firewall as the kernel has it: rules, counters, connections.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

struct nlmsghdr;  // linux/netlink.h

namespace warren::ctl {

// One rule of the file, or one that every such firewall has: "ping", "forward", "default", "refused". Counters are of
// all the kernel's rules that it became.
struct ShownRule {
    std::string name;
    bool is_own = false;  // of the file
    std::string summary;  // is_own: what it says; "refused": how many connections there may be
    std::uint64_t packets = 0;
    std::uint64_t bytes = 0;
    std::optional<std::uint64_t> milliseconds_since;  // its last packet; nothing: it had none
    bool operator==(const ShownRule&) const = default;
};

struct ShownFirewall {
    std::vector<ShownRule> rules;              // in the order in which they are asked; empty: there is no firewall
    std::optional<ShownRule> refused;          // connections; nothing: none are tracked
    std::optional<std::uint64_t> connections;  // tracked now; nothing: none are
    std::optional<std::uint64_t> most;         // that may be
};

// Enters the stack in a thread of its own; needs root.
[[nodiscard]] Result<ShownFirewall> firewall_of(const std::string& customer);

// One NFT_MSG_NEWRULE message whose lengths libmnl has checked; nothing when it is no rule of a policy.
[[nodiscard]] std::optional<ShownRule> parse_rule(const nlmsghdr& message);
// Adds a rule of the kernel to the rule that it is part of.
void add_rule(ShownFirewall& firewall, ShownRule rule);

[[nodiscard]] std::string firewall_text(const ShownFirewall& firewall);
[[nodiscard]] std::string firewall_json(const std::string& customer, const ShownFirewall& firewall);
// "connections 12 of 20000 tracked, 3 packets refused"; "" when none are tracked.
[[nodiscard]] std::string connections_line(const ShownFirewall& firewall);

}  // namespace warren::ctl
