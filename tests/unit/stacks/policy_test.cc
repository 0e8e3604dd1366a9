#include "stacks/plan/policy.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "stacks/kernel/firewall_netlink.h"
#include "stacks/kernel/policy_netlink.h"
#include "stacks/plan/desired.h"
#include "stacks/plan/plan.h"

namespace warren::stacks {
namespace {

using config::FirewallAction;

config::Peer peer(const std::string& name, const std::vector<std::string>& networks,
                  std::vector<std::string> groups = {}) {
    config::Peer out;
    out.name = name;
    for (const std::string& network : networks) out.allowed_ips.push_back(*parse_prefix(network));
    out.groups = std::move(groups);
    return out;
}

config::FirewallRule rule(const std::string& name, FirewallAction action, std::vector<std::string> from = {},
                          std::vector<std::string> to = {}) {
    config::FirewallRule out;
    out.name = name;
    out.from = std::move(from);
    out.to = std::move(to);
    out.action = action;
    return out;
}

// Two peers, one of which is the way out, and a LAN.
config::Customer customer() {
    config::Customer out;
    out.id = "acme";
    out.stack.addresses = {*parse_prefix("10.0.0.1/24"), *parse_prefix("fd00:42::1/64")};
    out.handoff.emplace();
    out.handoff->addresses = {*parse_prefix("10.42.0.1/24"), *parse_prefix("fd00:24::1/64")};
    out.peers = {peer("graz", {"10.43.0.0/16", "fd00:43::/64"}, {"sales"}),
                 peer("exit", {"0.0.0.0/0", "10.0.0.9/32"}, {"sales", "ways"})};
    return out;
}

Firewall firewall_of(const config::Customer& from) {
    return desired_stack(from, "/run/test").firewall;
}

std::string members(const Policy& policy, const std::string& name) {
    const auto found = std::find_if(policy.lists.begin(), policy.lists.end(),
                                    [&name](const KeyList& list) { return list.name == name; });
    if (found == policy.lists.end()) return "(none)";
    std::string out;
    for (const KeyRange& range : found->members) {
        const auto text = [&](const auto& key) {
            return to_string(IpAddress::from_bytes(Bytes(key).first(size_of(found->key))));
        };
        out += text(range.first) + "-" + text(range.last) + " ";
    }
    return out;
}

TEST_CASE("without a policy the ruleset is the plain one") {
    const config::Customer plain = customer();
    const Firewall firewall = firewall_of(plain);
    CHECK(firewall.policy == Policy());
    CHECK(firewall == default_firewall(kMostNeighbours, plain.handoff->addresses));
    CHECK(render(firewall).find("\tct ") == std::string::npos);
}

TEST_CASE("a peer is its networks without those of others, and a group is its peers") {
    config::Customer who = customer();
    who.firewall.rules = {rule("a", FirewallAction::kDrop, {"peer:exit"}),
                          rule("b", FirewallAction::kDrop, {"group:sales"}),
                          rule("c", FirewallAction::kDrop, {"handoff"}, {"peer:graz"})};
    const Policy policy = firewall_of(who).policy;
    CHECK(members(policy, "peer.exit.4") ==
          "0.0.0.0-9.255.255.255 10.0.0.9-10.0.0.9 10.0.1.0-10.41.255.255 10.42.1.0-10.42.255.255 "
          "10.44.0.0-255.255.255.255 ");
    CHECK(members(policy, "peer.exit.6") == "");
    CHECK(members(policy, "peer.graz.4") == "10.43.0.0-10.43.255.255 ");
    CHECK(members(policy, "group.sales.6") == "fd00:43::-fd00:43::ffff:ffff:ffff:ffff ");
    CHECK(members(policy, "handoff.4") == "10.42.0.0-10.42.0.255 ");
    who.peers[1].enabled = false;
    CHECK(members(firewall_of(who).policy, "peer.exit.4") == "");
    // What is behind a router on the LAN is the handoff's.
    who.stack.routes = {{*parse_prefix("192.168.0.0/16"), *parse_ip("10.42.0.254")}};
    CHECK(members(firewall_of(who).policy, "handoff.4") == "10.42.0.0-10.42.0.255 192.168.0.0-192.168.255.255 ");
}

TEST_CASE("a connection of IPsec is a peer: the routes of all its children, and its pool") {
    config::Customer who = customer();
    who.ipsec.emplace();
    config::Connection site;
    site.name = "linz";
    site.children.resize(2);
    site.children[0].name = "one";
    site.children[0].remote = {*parse_prefix("10.50.0.0/16")};
    site.children[1].name = "two";
    site.children[1].remote = {*parse_prefix("10.51.0.0/16")};
    site.children[1].routes = {*parse_prefix("10.51.7.0/24")};
    site.groups = {"sites"};
    config::Connection people;
    people.name = "people";
    people.pool = {*parse_prefix("10.60.0.0/24")};
    who.ipsec->connections = {site, people};
    who.firewall.rules = {rule("a", FirewallAction::kDrop, {"group:sites"}),
                          rule("b", FirewallAction::kDrop, {"peer:people"})};
    const Policy policy = firewall_of(who).policy;
    CHECK(members(policy, "group.sites.4") == "10.50.0.0-10.50.255.255 10.51.7.0-10.51.7.255 ");
    CHECK(members(policy, "peer.people.4") == "10.60.0.0-10.60.0.255 ");
}

TEST_CASE("rules in the order of the file, between ping and the default") {
    config::Customer who = customer();
    who.firewall.otherwise = FirewallAction::kDrop;
    who.firewall.max_connections = 1000;
    config::FirewallRule web = rule("web", FirewallAction::kAccept, {"peer:graz"}, {"10.42.0.10/32"});
    web.protocol = config::FirewallProtocol::kTcp;
    web.ports = {{8000, 8010}, {443, 443}, {8011, 8012}};
    who.firewall.rules = {web, rule("no", FirewallAction::kReject, {}, {"fd00:24::/64"})};
    who.nat.masquerade = {"handoff"};
    who.nat.forwards = {
        {config::FirewallProtocol::kUdp, 53, config::ForwardFrom::kHandoff, {*parse_ip("10.43.0.1"), 5353}}};
    const std::string text = render(firewall_of(who));
    CHECK(text.find(R"(	chain admit {
		ct state new limit rate over 100/second counter last drop comment "refused"
		ct state new add @connections.1000 { jhash ct id mod 1 ct count over 1000 } )"
                    R"(counter last drop comment "refused"
		accept
	}

	chain rules {
		icmp type { echo-reply, echo-request } counter last goto admit comment "ping"
		icmpv6 type { echo-request, echo-reply } counter last goto admit comment "ping"
		ct protocol 6 ct original ip saddr @peer.graz.4 ct reply ip saddr 10.42.0.10 )"
                    R"(ct reply proto-src @ports.443.8000-8012 counter last goto admit comment "rule web"
		ct protocol 6 ct reply ip6 saddr fd00:24::-fd00:24::ffff:ffff:ffff:ffff )"
                    R"(counter last reject with tcp reset comment "rule no"
		ct reply ip6 saddr fd00:24::-fd00:24::ffff:ffff:ffff:ffff )"
                    R"(counter last reject with icmpx admin-prohibited comment "rule no"
		ct status dnat counter last goto admit comment "forward"
		counter last drop comment "default"
	}

	chain dstnat {
		type nat hook prerouting priority dstnat; policy accept;
		iifname "lan0" ip daddr 10.42.0.1 udp dport 53 dnat ip to 10.43.0.1:5353
	}

	chain srcnat {
		type nat hook postrouting priority srcnat; policy accept;
		oifname "lan0" meta nfproto ipv4 masquerade
	}
)") != std::string::npos);
    CHECK(text.find(R"(		meta nfproto ipv6 fib saddr . iif oif missing drop
		ct state invalid drop
		iifname "vpn0" oifname "vpn0" jump rules
		iifname "vpn0" oifname "lan0" jump rules
		iifname "lan0" oifname "vpn0" jump rules
		jump customer
)") != std::string::npos);
    CHECK(text.find("\t\tct state invalid drop\n\t\tiifname \"vpn0\" jump admit\n") != std::string::npos);
}

TEST_CASE("nothing is tracked where nothing needs it") {
    config::Customer who = customer();
    who.firewall.otherwise = FirewallAction::kDrop;
    CHECK_FALSE(firewall_of(who).policy.is_stateful());
    CHECK(render(firewall_of(who)).find("\tct ") == std::string::npos);
    who = customer();
    who.firewall.allow_ping = false;
    const std::string text = render(firewall_of(who));
    CHECK(text.find("\tct ") == std::string::npos);
    CHECK(text.find("\t\ticmp type echo-request drop\n\t\ticmpv6 type echo-request drop\n") != std::string::npos);
}

TEST_CASE("a limit of connections is kept in lists that are short enough to walk through") {
    for (const std::uint32_t most : {1U, 10U, 511U, 512U, 1024U, 20'000U, 65'536U, 262'144U}) {
        const ConnectionLimit limit = limit_of(most);
        CHECK(limit.lists * limit.each <= most);
        CHECK(limit.lists * limit.each + limit.lists > most);
        CHECK(limit.lists <= 128);
        CHECK(limit.faster >= 100);
    }
}

// --- in nf_tables --------------------------------------------------------------------------------

std::vector<std::uint8_t> only(const std::vector<NetlinkRequest>& requests, std::uint16_t type) {
    std::vector<std::uint8_t> out;
    for (const NetlinkRequest& request : requests) {
        const Bytes bytes = request.bytes();
        if (load_le<std::uint16_t>(bytes.data() + 4) == type) out.insert(out.end(), bytes.begin(), bytes.end());
    }
    return out;
}

config::Customer with_rules() {
    config::Customer who = customer();
    who.firewall.rules = {rule("a", FirewallAction::kAccept, {"group:sales"}, {"handoff"}),
                          rule("b", FirewallAction::kReject, {"10.43.1.0/24", "10.43.3.0/24"})};
    who.nat.masquerade = {"handoff"};
    return who;
}

TEST_CASE("a policy that is encoded is what is observed") {
    const Firewall firewall = firewall_of(with_rules());
    const auto batch = encode(firewall, false);
    auto observed = parse_firewall(only(batch, 0x0a00), only(batch, 0x0a06), only(batch, 0x0a03));
    REQUIRE(observed.has_value());
    CHECK(observed->rules == rule_count(firewall));
    CHECK(observed->chains == chain_summary(firewall));
    CHECK(observed->policy.counts.size() == 5);  // ping, a, b, default, refused
    observed->policy.lists = parse_lists(only(batch, 0x0a09));
    CHECK(observed->policy.lists.size() == firewall.policy.lists.size());
    for (KeyList& list : observed->policy.lists) {
        std::vector<NetlinkRequest> its;
        for (const KeyList& wanted : firewall.policy.lists) {
            if (wanted.name == list.name) its = encode_members({wanted});
        }
        list.members = parse_members(only(its, 0x0a0c), list.key);
    }
    CHECK(*observed == observed_of(firewall));
}

TEST_CASE("a rule with a log is preceded by one that tells of new connections, some of them, and decides nothing") {
    config::Customer who = customer();
    who.firewall.rules = {rule("no", FirewallAction::kDrop, {}, {"10.42.0.0/24"})};
    const std::string without = render(firewall_of(who));
    who.firewall.rules[0].log = true;
    const std::string text = render(firewall_of(who));
    CHECK(text != without);
    const std::string match = "\t\tct reply ip saddr 10.42.0.0-10.42.0.255 ";
    const std::string tells = "ct state new limit rate 10/second burst 20 packets log prefix \"no\" group 21592 ";
    const std::string decides = "counter last drop comment \"rule no\"\n";
    CHECK(text.find(match + tells + "comment \"rule no\"\n" + match + decides) != std::string::npos);
    const Firewall firewall = firewall_of(who);
    const auto batch = encode(firewall, false);
    const auto observed = parse_firewall(only(batch, 0x0a00), only(batch, 0x0a06), only(batch, 0x0a03));
    REQUIRE(observed.has_value());
    CHECK(observed->rules == rule_count(firewall));
    CHECK(observed->chains == chain_summary(firewall));
}

TEST_CASE("counters go on where they were, under the name of their rule") {
    const Firewall firewall = firewall_of(with_rules());
    ObservedPolicy present;
    present.counts["rule b"] = {7, 700, 30'000};
    present.counts["refused"] = {3, 180, std::nullopt};
    const auto batch = encode(firewall, true, true, present);
    const auto observed = parse_firewall(only(batch, 0x0a00), only(batch, 0x0a06), only(batch, 0x0a03));
    REQUIRE(observed.has_value());
    CHECK(observed->policy.counts.at("rule b") == RuleCount{7, 700, 30'000});
    CHECK(observed->policy.counts.at("refused") == RuleCount{3, 180, std::nullopt});
    CHECK(observed->policy.counts.at("rule a") == RuleCount{});
}

TEST_CASE("members change in place, and everything else replaces the rules") {
    const config::Customer before = with_rules();
    const DesiredStack old = desired_stack(before, "/run/test");
    ObservedStack observed;
    observed.exists = true;
    observed.links.emplace_back();
    observed.links.back().name = kLoopback;
    observed.links.back().alias = old.owner;
    observed.firewall = observed_of(old.firewall);
    const auto step_of = [&](const config::Customer& after) -> std::string {
        const auto planned = plan(desired_stack(after, "/run/test"), observed, {});
        REQUIRE(planned.has_value());
        for (const Step& step : planned->steps) {
            if (std::holds_alternative<SetFirewall>(step) || std::holds_alternative<SetMembers>(step))
                return describe(step);
        }
        return {};
    };
    CHECK(step_of(before).empty());
    config::Customer after = before;
    after.peers[0].groups.clear();
    CHECK(step_of(after) == "change members of the firewall's group.sales.4 group.sales.6");
    after = before;
    after.peers.push_back(peer("new", {"10.99.0.0/16"}, {"sales"}));
    CHECK(step_of(after).empty());  // the exit had it before
    after = before;
    after.firewall.rules.pop_back();
    CHECK(step_of(after).starts_with("replace the firewall"));
    after = before;
    after.firewall.rules[0].action = FirewallAction::kDrop;
    CHECK(step_of(after).starts_with("replace the firewall"));
    // Only the members of rule.1.from.4 are others, but the text that is shown of the rule is another one too.
    after = before;
    after.firewall.rules[1].from = {"10.43.1.0/24", "10.43.4.0/24"};
    CHECK(step_of(after).starts_with("replace the firewall"));
    // What somebody added by hand is no list of ours that could change.
    observed.firewall->policy.lists.push_back({"rule.9.from.4", KeyList::Key::kV4, {}});
    CHECK(step_of(before).starts_with("replace the firewall"));
}

}  // namespace
}  // namespace warren::stacks
