// The nftables rules of a network namespace, as the kernel has them: read in one, loaded into another.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

struct nlmsghdr;  // linux/netlink.h

namespace warren::ctl {

// As messages that make them. Of the families inet, ip and ip6.
struct Ruleset {
    std::vector<std::vector<char>> messages;
};

// Of the calling thread's namespace.
[[nodiscard]] Result<Ruleset> read_ruleset();
// Into the calling thread's namespace, which has none. With them, everything that comes in or is sent is traced.
[[nodiscard]] Status load_ruleset(const Ruleset& ruleset);

// What one rule, or the policy of a chain, did with a packet.
struct TraceStep {
    std::uint32_t id = 0;               // of the packet, while it goes in or out; another one's may follow
    std::vector<std::uint8_t> network;  // its IP header, in the first message of each chain; else empty
    std::string table;
    std::string chain;
    std::uint64_t handle = 0;   // of the rule; 0: it was the policy, or the chain's end
    std::int32_t verdict = -1;  // NF_DROP, NF_ACCEPT, NFT_CONTINUE, ...
};
// One NFT_MSG_TRACE message whose lengths libmnl has checked; nothing when it is none.
[[nodiscard]] std::optional<TraceStep> parse_trace(const nlmsghdr& message);

// What Warren wrote into the rules of the calling thread's namespace: by handle, "rule web" or "default", a line feed,
// and what it says.
[[nodiscard]] Result<std::map<std::uint64_t, std::string>> rule_texts();

// The table that load_ruleset() adds. Its chains are last in each hook: a packet that comes to one has passed.
inline constexpr const char* kTraceTable = "warren-why";

}  // namespace warren::ctl
