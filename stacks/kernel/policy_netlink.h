// A policy as messages of an nf_tables transaction, and what a dump says of one. PURE. Source: Linux
// include/uapi/linux/netfilter/nf_tables.h.
#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "stacks/kernel/netlink_message.h"
#include "stacks/plan/observed.h"
#include "stacks/plan/policy.h"

namespace warren::stacks {

// Its sets with their members, then its chains with their rules: before the chains that call them. `counts`: where
// counters begin. `set_number`: of the last set of the transaction.
void append_policy(const Policy& policy, const std::map<std::string, RuleCount>& counts, std::uint32_t& set_number,
                   std::vector<NetlinkRequest>& batch);
// Removes the chains, the lists and the sets that count connections, but for `kept` ("": none); after the chains that
// call them.
void remove_policy(const ObservedPolicy& present, const std::string& kept, std::vector<NetlinkRequest>& batch);
// One transaction: these lists have these members and no others from now on.
[[nodiscard]] std::vector<NetlinkRequest> encode_members(const std::vector<KeyList>& lists);

[[nodiscard]] NetlinkRequest dump_sets();
[[nodiscard]] NetlinkRequest dump_members(const std::string& list);
// A policy's lists in a dump of sets, without members, in the order of their names.
[[nodiscard]] std::vector<KeyList> parse_lists(Bytes sets);
// The sets in it that count connections.
[[nodiscard]] std::vector<std::string> parse_counting(Bytes sets);
[[nodiscard]] std::vector<KeyRange> parse_members(Bytes members, KeyList::Key key);
// Adds what a rule of a policy has counted. `attributes`: of an NFT_MSG_NEWRULE.
void add_counts(Bytes attributes, std::map<std::string, RuleCount>& counts);

}  // namespace warren::stacks
