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
		oifname "vpn0" icmpv6 type nd-redirect drop
	}
}
)");
}

TEST_CASE("with a handoff what the kernel remembers of the LAN is bounded") {
    const Firewall firewall = default_firewall(512);
    CHECK(render(firewall) == "table inet warren {\n\tcomment \"" + identity(firewall) + "\"\n" +
                                  R"(	set neighbours4 {
		type ipv4_addr
		size 512
		flags dynamic,timeout
		timeout 2m
	}

	set neighbours6 {
		type ipv6_addr
		size 512
		flags dynamic,timeout
		timeout 2m
	}

	chain input {
		type filter hook input priority filter; policy drop;
		iifname "vpn0" accept
		iifname "lan0" icmpv6 type nd-router-solicit drop
		iifname "lan0" icmpv6 type nd-router-advert drop
		iifname "lan0" icmpv6 type nd-redirect drop
		iifname "lan0" icmpv6 type nd-neighbor-solicit update @neighbours6 { ip6 saddr } accept
		iifname "lan0" icmpv6 type nd-neighbor-solicit drop
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
		oifname "vpn0" icmpv6 type nd-redirect drop
	}

	chain postrouting {
		type filter hook postrouting priority filter; policy accept;
		oifname "vpn0" accept
		oifname "lan0" ip6 daddr ff00::/8 accept
		oifname "lan0" update @neighbours4 { rt ip nexthop } accept
		oifname "lan0" update @neighbours6 { rt ip6 nexthop } accept
		oifname "lan0" drop
	}
}
table arp warren {
	comment ")" + identity(firewall) +
                                  R"("
	set senders {
		type ipv4_addr
		size 512
		flags dynamic,timeout
		timeout 2m
	}

	chain input {
		type filter hook input priority filter; policy accept;
		iifname "lan0" arp operation request update @senders { arp saddr ip } accept
		iifname "lan0" arp operation request drop
	}
}
)");
    CHECK(identity(firewall) != identity(default_firewall(256)));
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
    for (const std::uint32_t neighbours : {0U, 512U}) {
        const Firewall firewall = default_firewall(neighbours);
        const auto batch = encode(firewall, false);
        const std::size_t tables_of_it = neighbours == 0 ? 1 : 2;
        CHECK(batch.size() == 2 + tables_of_it + firewall.sets.size() + firewall.chains.size() + rule_count(firewall));
        CHECK(encode(firewall, true).size() == batch.size() + 4);  // each table is added and removed before
        // The kernel's dump has the same message numbers and attributes as the requests.
        std::vector<std::uint8_t> tables, rules, chains;
        const auto observed =
            parse_firewall(joined(tables, batch, 0x0a00), joined(rules, batch, 0x0a06), joined(chains, batch, 0x0a03));
        REQUIRE(observed.has_value());
        CHECK(observed->identity == identity(firewall));
        CHECK(observed->rules == rule_count(firewall));
        CHECK(observed->chains == chain_summary(firewall));
    }
    CHECK_FALSE(parse_firewall({}, {}, {}).has_value());
}

}  // namespace
}  // namespace warren::stacks
