// A firewall as one nf_tables transaction, and what a dump says is loaded. PURE. Source: Linux
// include/uapi/linux/netfilter/nf_tables.h.
#pragma once

#include <string>
#include <vector>

#include "stacks/kernel/netlink_message.h"
#include "stacks/plan/firewall.h"
#include "stacks/plan/observed.h"

namespace warren::stacks {

// One transaction. With `replaces` the existing table is removed in it.
[[nodiscard]] std::vector<NetlinkRequest> encode(const Firewall& firewall, bool replaces);

[[nodiscard]] NetlinkRequest dump_firewall_tables();
[[nodiscard]] NetlinkRequest dump_firewall_rules();
// The identity in our table's comment; nothing when there is no table of ours.
[[nodiscard]] std::optional<ObservedFirewall> parse_firewall(Bytes tables, Bytes rules);

}  // namespace warren::stacks
