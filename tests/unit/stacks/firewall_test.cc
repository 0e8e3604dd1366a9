#include "stacks/plan/firewall.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <span>
#include <vector>

#include "stacks/kernel/firewall_netlink.h"

namespace warren::stacks {
namespace {

const std::vector<Prefix> kLan{*parse_prefix("192.168.1.1/24"), *parse_prefix("fd00:24::1/64"),
                               *parse_prefix("10.42.0.1/24"), *parse_prefix("10.42.0.1/16")};

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
		tcp flags syn tcp option maxseg size set rt mtu
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
    const Firewall firewall = default_firewall(512, kLan);
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
		tcp flags syn tcp option maxseg size set rt mtu
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
		iifname "lan0" arp operation request arp daddr ip 10.42.0.1 update @senders { arp saddr ip } accept
		iifname "lan0" arp operation request arp daddr ip 10.42.0.1 drop
		iifname "lan0" arp operation request arp daddr ip 192.168.1.1 update @senders { arp saddr ip } accept
		iifname "lan0" arp operation request arp daddr ip 192.168.1.1 drop
	}
}
)");
    CHECK(identity(firewall) != identity(default_firewall(256, kLan)));
    CHECK(identity(firewall) != identity(default_firewall(512, std::span(kLan).first(1))));
}

TEST_CASE("the segment size is clamped unless the customer says otherwise") {
    CHECK(render(default_firewall(0, {}, false)).find("maxseg") == std::string::npos);
    CHECK(rule_count(default_firewall(0, {}, false)) + 1 == rule_count(default_firewall()));
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
        const Firewall firewall = default_firewall(neighbours, kLan);
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

// The bytes at which the field of a packet is compared with `value`: a payload expression, then a cmp.
bool has_bytes(Bytes in, Bytes value) {
    return std::search(in.begin(), in.end(), value.begin(), value.end()) != in.end();
}

TEST_CASE("the target of an ARP request is compared with the stack's address") {
    const auto batch = encode(default_firewall(512, std::span(kLan).first(1)), false);
    // NFTA_PAYLOAD_OFFSET 24 (RFC 826, behind hardware addresses of six bytes), NFTA_PAYLOAD_LEN 4.
    const std::array<std::uint8_t, 16> field{8, 0, 3, 0, 0, 0, 0, 24, 8, 0, 4, 0, 0, 0, 0, 4};
    const std::array<std::uint8_t, 4> address{192, 168, 1, 1};
    const auto found = std::count_if(batch.begin(), batch.end(), [&](const NetlinkRequest& request) {
        return has_bytes(request.bytes(), field) && has_bytes(request.bytes(), address);
    });
    CHECK(found == 2);
}

TEST_CASE("tables of this name in other families are the operator's") {
    const Firewall firewall = default_firewall(512, kLan);
    const auto batch = encode(firewall, false);
    std::vector<std::uint8_t> tables, rules, chains;
    joined(tables, batch, 0x0a00);
    joined(rules, batch, 0x0a06);
    joined(chains, batch, 0x0a03);
    for (auto* messages : {&tables, &rules, &chains}) {
        // The first message again, in the family `ip`: the octet behind the netlink header.
        std::vector<std::uint8_t> other(messages->begin(),
                                        messages->begin() + load_le<std::uint32_t>(messages->data()));
        other[16] = 2;
        messages->insert(messages->end(), other.begin(), other.end());
    }
    const auto observed = parse_firewall(tables, rules, chains);
    REQUIRE(observed.has_value());
    CHECK(observed->identity == identity(firewall));
    CHECK(observed->rules == rule_count(firewall));
    CHECK(observed->chains == chain_summary(firewall));
}

}  // namespace
}  // namespace warren::stacks
