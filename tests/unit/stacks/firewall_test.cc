#include "stacks/plan/firewall.h"

#include <doctest/doctest.h>

#include "stacks/kernel/firewall_netlink.h"

namespace warren::stacks {
namespace {

TEST_CASE("the default ruleset, as nft prints it") {
    const Firewall firewall = default_firewall();
    CHECK(render(firewall) == "table inet warren {\n\tcomment \"" + identity(firewall) + "\"\n" + R"(	chain input {
		type filter hook input priority filter; policy drop;
		iifname "vpn0" accept
		iifname "lan0" accept
		iifname "lo" accept
	}

	chain forward {
		type filter hook forward priority filter; policy drop;
		meta nfproto ipv6 fib saddr . iif oif missing drop
		iifname "vpn0" oifname "vpn0" accept
		iifname "vpn0" oifname "lan0" accept
		iifname "lan0" oifname "vpn0" accept
	}

	chain output {
		type filter hook output priority filter; policy accept;
	}
}
)");
}

TEST_CASE("another ruleset has another identity") {
    Firewall other = default_firewall();
    other.chains[1].rules.pop_back();
    CHECK(identity(other) != identity(default_firewall()));
    other = default_firewall();
    other.chains[0].policy = Verdict::kAccept;
    CHECK(identity(other) != identity(default_firewall()));
}

Bytes joined(std::vector<std::uint8_t>& out, const std::vector<NetlinkRequest>& requests, std::uint16_t type) {
    for (const NetlinkRequest& request : requests) {
        const Bytes bytes = request.bytes();
        if (load_le<std::uint16_t>(bytes.data() + 4) == type) out.insert(out.end(), bytes.begin(), bytes.end());
    }
    return out;
}

TEST_CASE("what is encoded is what is observed") {
    const Firewall firewall = default_firewall();
    const auto batch = encode(firewall, false);
    CHECK(batch.size() == 2 + 1 + firewall.chains.size() + rule_count(firewall));
    CHECK(encode(firewall, true).size() == batch.size() + 1);
    // The kernel's dump has the same message numbers and attributes as the requests.
    std::vector<std::uint8_t> tables, rules;
    const auto observed = parse_firewall(joined(tables, batch, 0x0a00), joined(rules, batch, 0x0a06));
    REQUIRE(observed.has_value());
    CHECK(observed->identity == identity(firewall));
    CHECK(observed->rules == rule_count(firewall));
    CHECK_FALSE(parse_firewall({}, {}).has_value());
}

}  // namespace
}  // namespace warren::stacks
