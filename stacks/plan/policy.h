// A customer's own firewall and its translations as values: what [firewall] and [nat] become in nftables. Conditions
// are about a connection as it began, so packets of both directions meet the same rule, and a changed rule holds for
// connections that exist. PURE.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip.h"
#include "base/kernel_names.h"
#include "config/customer.h"

namespace warren::stacks {

// Of IP.
inline constexpr std::uint8_t kProtocolIcmp = 1;
inline constexpr std::uint8_t kProtocolTcp = 6;
inline constexpr std::uint8_t kProtocolUdp = 17;
inline constexpr std::uint8_t kProtocolIcmpv6 = 58;

// Keys of one kind in the order of their bytes, both ends included.
struct KeyRange {
    std::array<std::uint8_t, 16> first{};  // as long as the kind has bytes, in network order; then zero
    std::array<std::uint8_t, 16> last{};
    auto operator<=>(const KeyRange&) const = default;
};

// A set of nftables. Its members may change while the rules stay.
struct KeyList {
    enum class Key { kV4, kV6, kPort };
    std::string name;
    Key key = Key::kV4;
    std::vector<KeyRange> members;  // sorted, disjoint, never one right behind the other
    bool operator==(const KeyList&) const = default;
};
[[nodiscard]] std::size_t size_of(KeyList::Key key);  // bytes

// One of both.
struct Selector {
    std::string list;  // "": the range
    KeyList::Key key = KeyList::Key::kV4;
    KeyRange range;
    bool operator==(const Selector&) const = default;
};

enum class PolicyAction {
    kAdmit,   // to the chain that counts connections, which accepts
    kAccept,  // without connections
    kDrop,
    kReset,      // drop, and end the TCP connection
    kUnwelcome,  // drop, and say by ICMP that it is prohibited
    kLog,        // tell of the connection's first packet, if not too many were told of, and go on with the next rule
};

// Where kLog tells: a group of NFLOG in the stack's namespace, and how many packets of each nftables rule.
inline constexpr std::uint16_t kLogGroup = 21'592;
inline constexpr std::uint32_t kLoggedPerSecond = 10;
inline constexpr std::uint32_t kLoggedAtOnce = 20;

// Of the chain `rules`. It matches when every condition that is set holds.
struct PolicyRule {
    enum class Kind { kPing, kRule, kForward, kDefault, kRefused };
    Kind kind = Kind::kRule;
    std::string name;     // kRule: the rule's
    std::string summary;  // kRule: what it says
    std::optional<Selector> from = std::nullopt;
    std::optional<Selector> to = std::nullopt;
    std::optional<std::uint8_t> protocol = std::nullopt;  // kPing: of the packet
    std::optional<Selector> ports = std::nullopt;
    PolicyAction action = PolicyAction::kDrop;
    bool operator==(const PolicyRule&) const = default;
};

// A port of ours that leads elsewhere.
struct Redirection {
    std::string in_device;
    IpAddress at;  // of the stack
    std::uint8_t protocol = 0;
    std::uint16_t port = 0;
    Endpoint to;
    bool operator==(const Redirection&) const = default;
};

// What leaves on a device gets our address there.
struct Masquerade {
    std::string out_device;
    Family family = Family::kV4;
    bool operator==(const Masquerade&) const = default;
};

struct Policy {
    std::vector<KeyList> lists;
    std::vector<PolicyRule> rules;  // empty: there is no chain `rules`
    std::vector<Redirection> redirections;
    std::vector<Masquerade> masquerades;
    std::uint32_t max_connections = 0;  // 0: none is tracked
    bool answers_ping = true;           // the stack itself
    bool operator==(const Policy&) const = default;

    [[nodiscard]] bool is_stateful() const { return max_connections > 0; }
};

// The other chains of a policy.
inline constexpr const char* kRedirectChain = "dstnat";
inline constexpr const char* kMasqueradeChain = "srcnat";
// Connections are counted in several lists, by a hash: the kernel walks through one for each new connection. The lists
// are elements of a set, which stays, with what it has counted, when rules change and the limit does not.
inline constexpr const char* kConnectionSet = "connections.";
[[nodiscard]] std::string connection_set(std::uint32_t max_connections);

// How max_connections is kept.
struct ConnectionLimit {
    std::uint32_t lists = 1;
    std::uint32_t each = 0;    // connections of a list
    std::uint32_t faster = 0;  // new ones in a second are refused: the kernel would not forget refused ones in time
    bool operator==(const ConnectionLimit&) const = default;
};
[[nodiscard]] ConnectionLimit limit_of(std::uint32_t max_connections);

// `behind_handoff`: networks with a static route to lan0.
[[nodiscard]] Policy policy_of(const config::Customer& customer, const std::vector<Prefix>& behind_handoff);

// Whether a set of this name in our table is a policy's.
[[nodiscard]] bool is_policy_list(std::string_view name);
[[nodiscard]] bool is_policy_chain(std::string_view name);
// The rules, without the members of lists: what must be replaced as a whole.
[[nodiscard]] std::string render(const Policy& policy);
// Nftables rules of the four chains.
[[nodiscard]] std::size_t rule_count(const Policy& policy);
// "admit", "dstnat accept", ...: as chain_summary() takes them.
[[nodiscard]] std::vector<std::string> chains_of(const Policy& policy);

// A rule's identity for its counters, over changes of others: "rule branches reach the ERP", "default".
[[nodiscard]] std::string counter_name(const PolicyRule& rule);

// What was counted by all nftables rules that one rule became.
struct RuleCount {
    std::uint64_t packets = 0;
    std::uint64_t bytes = 0;
    std::optional<std::uint64_t> milliseconds_since;  // its last packet; nothing: it had none
    bool operator==(const RuleCount&) const = default;
};

}  // namespace warren::stacks
