// A firewall as one nf_tables transaction, and what a dump says is loaded. PURE. Source: Linux
// include/uapi/linux/netfilter/nf_tables.h.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "stacks/kernel/netlink_message.h"
#include "stacks/plan/firewall.h"
#include "stacks/plan/observed.h"

namespace warren::stacks {

// One transaction. With `replaces` the existing tables are removed in it; with `keeps_customer_chain` too, of the table
// inet only what has a name of ours: that fails with EBUSY when a rule of the operator's uses a set of ours, and with
// EEXIST or EOPNOTSUPP when a set of the operator's has the name of one. `present`: the lists that are removed, and
// where counters go on.
[[nodiscard]] std::vector<NetlinkRequest> encode(const Firewall& firewall, bool replaces,
                                                 bool keeps_customer_chain = false, const ObservedPolicy& present = {});

[[nodiscard]] NetlinkRequest dump_firewall_tables();
// Of our two tables: the kernel's dump of the rules of a table ends after the first one of that name.
[[nodiscard]] std::array<NetlinkRequest, 2> dump_firewall_rules();
[[nodiscard]] NetlinkRequest dump_firewall_chains();
// Counts what is in chains of ours; nothing when there is no table of ours.
[[nodiscard]] std::optional<ObservedFirewall> parse_firewall(Bytes tables, Bytes rules, Bytes chains);

}  // namespace warren::stacks
