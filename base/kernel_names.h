// The names that stackd gives things in the kernel.
#pragma once

#include <cstdint>

namespace warren {

// Where ip-netns(8) and Warren name network namespaces.
inline constexpr const char* kNamespaceDirectory = "/run/netns";
// Every stack is the network namespace kNamespacePrefix + customer id.
inline constexpr const char* kNamespacePrefix = "warren-";
// Marks our routes, so that routes added by an operator are left alone (a free number of rtnetlink(7)'s rtm_protocol).
inline constexpr std::uint8_t kRouteProtocol = 87;
// The tables of nftables, of the families inet and arp, that are ours; other tables in a stack are the operator's.
inline constexpr const char* kFirewallTable = "warren";
// In it, with a firewall of the customer's own: its rules, and what a connection comes to that one of them accepts.
inline constexpr const char* kPolicyChain = "rules";
inline constexpr const char* kAdmitChain = "admit";
// In the user data of a rule of these: what it is ("rule NAME", "default"), a line feed, and what it says. nft has
// numbers below 3.
inline constexpr std::uint8_t kRuleText = 64;

}  // namespace warren
