#include "stacks/plan/firewall.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <span>
#include <sstream>
#include <string>
#include <vector>

#include "stacks/kernel/firewall_netlink.h"

namespace warren::stacks {
namespace {

const std::vector<Prefix> kLan{*parse_prefix("192.168.1.1/24"), *parse_prefix("fd00:24::1/64"),
                               *parse_prefix("10.42.0.1/24"), *parse_prefix("10.42.0.1/16")};

TEST_CASE("the default ruleset, as nft prints it") {
    const Firewall firewall = default_firewall();
    CHECK(render(firewall) == R"(table inet warren {
	chain customer {
	}

	chain input {
		comment ")" + identity(firewall) +
                                  R"("
		type filter hook input priority filter; policy drop;
		iifname "vpn0" accept
		iifname "lan0" accept
		iifname "lo" accept
		jump customer
	}

	chain forward {
		type filter hook forward priority filter; policy drop;
		tcp flags syn tcp option maxseg size set rt mtu
		meta nfproto ipv6 fib saddr . iif oif missing drop
		iifname "vpn0" oifname "vpn0" accept
		iifname "vpn0" oifname "lan0" accept
		iifname "lan0" oifname "vpn0" accept
		jump customer
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
    CHECK(render(firewall) == R"(table inet warren {
	set neighbours4 {
		type iface_index . ipv4_addr
		size 512
		flags dynamic,timeout
		timeout 2m
	}

	set neighbours6 {
		type iface_index . ipv6_addr
		size 512
		flags dynamic,timeout
		timeout 2m
	}

	chain customer {
	}

	chain input {
		comment ")" + identity(firewall) +
                                  R"("
		type filter hook input priority filter; policy drop;
		iifname "vpn0" accept
		icmpv6 type nd-router-solicit drop
		icmpv6 type nd-router-advert drop
		icmpv6 type nd-redirect drop
		icmpv6 type nd-neighbor-solicit update @neighbours6 { iif . ip6 saddr } accept
		icmpv6 type nd-neighbor-solicit drop
		iifname "lan0" accept
		iifname "lo" accept
		jump customer
	}

	chain forward {
		type filter hook forward priority filter; policy drop;
		tcp flags syn tcp option maxseg size set rt mtu
		meta nfproto ipv6 fib saddr . iif oif missing drop
		iifname "vpn0" oifname "vpn0" accept
		iifname "vpn0" oifname "lan0" accept
		iifname "lan0" oifname "vpn0" accept
		jump customer
	}

	chain output {
		type filter hook output priority filter; policy accept;
		oifname "vpn0" icmpv6 type nd-redirect drop
	}

	chain postrouting {
		type filter hook postrouting priority filter; policy accept;
		oifname "vpn0" accept
		oifname "lo" accept
		ip6 daddr ff00::/8 accept
		update @neighbours4 { oif . rt ip nexthop } accept
		update @neighbours6 { oif . rt ip6 nexthop } accept
		drop
	}
}
table arp warren {
	set senders {
		type iface_index . ipv4_addr
		size 512
		flags dynamic,timeout
		timeout 2m
	}

	chain input {
		type filter hook input priority filter; policy accept;
		iifname "lan0" arp operation request arp daddr ip 10.42.0.1 update @senders { iif . arp saddr ip } accept
		iifname "lan0" arp operation request arp daddr ip 10.42.0.1 drop
		iifname "lan0" arp operation request arp daddr ip 192.168.1.1 update @senders { iif . arp saddr ip } accept
		iifname "lan0" arp operation request arp daddr ip 192.168.1.1 drop
		iifname "lan0" accept
		arp operation request update @senders { iif . arp saddr ip } accept
		arp operation request drop
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

// The lines of a chain of the table inet.
std::vector<std::string> rules_of(const Firewall& firewall, FirewallChain::Hook hook) {
    const std::string text = render(firewall);
    std::istringstream lines(text.substr(text.find(std::string("chain ") + name_of(hook))));
    std::vector<std::string> out;
    for (std::string line; std::getline(lines, line) && line != "\t}";)
        out.push_back(line.substr(line.find_first_not_of('\t')));
    return out;
}

TEST_CASE("the operator's devices may talk to each other, to vpn0, to lan0 and to the stack, and no others may") {
    const std::vector<std::string> devices{"vx0", "gre1"};
    const Firewall firewall = default_firewall(512, {}, true, devices);
    const auto has = [](const std::vector<std::string>& rules, const std::string& rule) {
        return std::count(rules.begin(), rules.end(), rule) == 1;
    };
    const auto input = rules_of(firewall, FirewallChain::Hook::kInput);
    const auto forward = rules_of(firewall, FirewallChain::Hook::kForward);
    for (const std::string& device : devices) {
        const std::string in = "iifname \"" + device + "\" ";
        const std::string out = "oifname \"" + device + "\" accept";
        CHECK(has(input, in + "accept"));
        for (const char* own : {"vpn0", "lan0"}) {
            CHECK(has(forward, in + "oifname \"" + own + "\" accept"));
            CHECK(has(forward, std::string("iifname \"") + own + "\" " + out));
        }
    }
    CHECK(has(forward, "iifname \"vx0\" oifname \"gre1\" accept"));
    CHECK(has(forward, "iifname \"gre1\" oifname \"vx0\" accept"));
    CHECK(forward.size() == rules_of(default_firewall(), FirewallChain::Hook::kForward).size() + 2 * 4 + 2);
    CHECK(input.size() == rules_of(default_firewall(512), FirewallChain::Hook::kInput).size() + 2);
    CHECK(identity(firewall) != identity(default_firewall(512)));
}

TEST_CASE("the customer's chain is called when nothing else has decided") {
    const std::vector<std::string> devices{"vx0"};
    for (const std::uint32_t neighbours : {0U, 512U}) {
        const Firewall firewall = default_firewall(neighbours, kLan, true, devices);
        for (const auto hook : {FirewallChain::Hook::kInput, FirewallChain::Hook::kForward}) {
            const auto rules = rules_of(firewall, hook);
            CHECK(rules.back() == "jump customer");
            CHECK(std::count(rules.begin(), rules.end(), "jump customer") == 1);
        }
    }
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
        CHECK(batch.size() ==
              2 + tables_of_it + 1 + firewall.sets.size() + firewall.chains.size() + rule_count(firewall));
        CHECK(encode(firewall, true).size() == batch.size() + 4);  // each table is added and removed before
        // Only that of the family arp is, and four chains and two sets of the other.
        CHECK(encode(firewall, true, true).size() == batch.size() + 2 + 8 + 4);
        // The kernel's dump has the same message numbers and attributes as the requests.
        std::vector<std::uint8_t> tables, rules, chains;
        const auto observed =
            parse_firewall(joined(tables, batch, 0x0a00), joined(rules, batch, 0x0a06), joined(chains, batch, 0x0a03));
        REQUIRE(observed.has_value());
        CHECK(observed->identity == identity(firewall));
        CHECK(observed->rules == rule_count(firewall));
        CHECK(observed->chains == chain_summary(firewall));
        CHECK(observed == observed_of(firewall));
    }
    CHECK_FALSE(parse_firewall({}, {}, {}).has_value());
}

TEST_CASE("what replaces our rules and keeps the customer's chain names neither it nor the table to be removed") {
    const auto batch = encode(default_firewall(512, kLan), true, true);
    std::size_t removed = 0;
    for (const NetlinkRequest& request : batch) {
        const Bytes bytes = request.bytes();
        const auto type = load_le<std::uint16_t>(bytes.data() + 4);
        const bool is_inet = bytes[16] == 1;  // NFPROTO_INET
        constexpr std::uint16_t kDeleteTable = 0x0a02;
        constexpr std::uint16_t kDeleteChain = 0x0a05;
        constexpr std::uint16_t kDeleteRule = 0x0a08;
        const std::string text(bytes.begin(), bytes.end());
        if (type == kDeleteTable || type == kDeleteRule) CHECK_FALSE(is_inet);
        if (type != kDeleteChain) continue;
        ++removed;
        CHECK(text.find("customer") == std::string::npos);
    }
    CHECK(removed == 4);
}

TEST_CASE("what the operator adds to our table under names of its own is not counted") {
    const Firewall firewall = default_firewall(512, kLan);
    const auto batch = encode(firewall, false);
    std::vector<std::uint8_t> tables, rules, chains;
    joined(tables, batch, 0x0a00);
    joined(rules, batch, 0x0a06);
    joined(chains, batch, 0x0a03);
    // The same rules and chains, in chains of other names.
    const auto renamed = [](std::vector<std::uint8_t> messages) {
        for (const std::string name : {"input", "forward", "output", "postrouting"}) {
            for (auto at = messages.begin();;) {
                at = std::search(at, messages.end(), name.begin(), name.end());
                if (at == messages.end()) break;
                *at++ = 'x';
            }
        }
        return messages;
    };
    for (auto* messages : {&rules, &chains}) {
        const auto more = renamed(*messages);
        messages->insert(messages->end(), more.begin(), more.end());
    }
    CHECK(parse_firewall(tables, rules, chains) == observed_of(firewall));
    // A table of which somebody removed the chain `customer`.
    const auto without = parse_firewall(tables, rules, {});
    REQUIRE(without.has_value());
    CHECK_FALSE(without->has_customer_chain);
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
    CHECK(observed == observed_of(firewall));
}

}  // namespace
}  // namespace warren::stacks
