// What there is in a stack, as the page is told: of values, and of the kernel's messages.
#include "stacks/plan/look.h"

#include <doctest/doctest.h>
#include <linux/if.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include "ipc/service_facts.h"
#include "stacks/kernel/netlink_message.h"
#include "stacks/kernel/stack_look.h"
#include "stacks/plan/desired.h"

namespace warren::stacks {
namespace {

using Kind = ipc::ControlText::Kind;

PolicyRule rule(PolicyRule::Kind kind, const std::string& name, PolicyAction action = PolicyAction::kDrop) {
    PolicyRule out;
    out.kind = kind;
    out.name = name;
    out.summary = name.empty() ? "" : "says " + name;
    out.action = action;
    return out;
}

Policy policy() {
    Policy out;
    out.max_connections = 100;
    out.rules = {rule(PolicyRule::Kind::kRefused, ""),
                 rule(PolicyRule::Kind::kPing, "", PolicyAction::kAccept),
                 rule(PolicyRule::Kind::kRule, "shop", PolicyAction::kLog),
                 rule(PolicyRule::Kind::kRule, "shop"),
                 rule(PolicyRule::Kind::kRule, "shop"),
                 rule(PolicyRule::Kind::kDefault, "")};
    return out;
}

TEST_CASE("rules come in their order, each once, with what it counted") {
    config::Customer customer;
    customer.id = "acme";
    StackLook look;
    look.has_table = true;
    look.counts = {{"rule shop", {7, 700, 5500}}, {"refused", {3, 30, {}}}};
    look.connections = 12;
    const ipc::WebLooked out = looked_of(customer, policy(), look, {}, {});
    CHECK(out.outcome == ipc::WebLookOutcome::kSeen);
    REQUIRE(out.rules.size() == 3);
    CHECK(out.rules[0] == ipc::WebRule{"ping", false, "", 0, 0, {}});
    CHECK(out.rules[1] == ipc::WebRule{"shop", true, "says shop", 7, 700, 5});
    CHECK(out.rules[2].name == "default");
    CHECK(out.connections == 12U);
    CHECK(out.max_connections == 100);
    CHECK(out.refused_packets == 3);
    CHECK_FALSE(out.lan);
}

TEST_CASE("of a firewall that the stack has not got it is said that it is missing, and nothing of its rules") {
    config::Customer customer;
    const ipc::WebLooked out = looked_of(customer, policy(), {}, {}, {});
    CHECK(out.has_firewall);
    CHECK(out.lacks_firewall);
    CHECK(out.rules.empty());
    CHECK_FALSE(out.connections);
    CHECK_FALSE(looked_of(customer, {}, {}, {}, {}).lacks_firewall);
}

TEST_CASE("of very many rules the first are told, and the others counted") {
    config::Customer customer;
    Policy many;
    for (int i = 0; i < 300; ++i) many.rules.push_back(rule(PolicyRule::Kind::kRule, std::to_string(i)));
    StackLook look;
    look.has_table = true;
    const ipc::WebLooked out = looked_of(customer, many, look, {}, {});
    CHECK(out.rules.size() == ipc::WebLooked::kMaxRules);
    CHECK(out.more_rules == 100);
}

TEST_CASE("a customer's services are told with their own last error, and nobody else's") {
    config::Customer customer;
    customer.id = "acme";
    const auto fact = [](const std::string& state) {
        return ipc::text_of(ipc::ServiceFact{"dns", "unbound", state, "cgroup", 7, 1'700'000'000, 2});
    };
    const std::vector<ipc::ControlText> facts{{Kind::kFact, "globex", fact("running")},
                                              {Kind::kFact, "acme", fact("refused")}};
    const std::vector<ipc::ControlText> problems{{Kind::kNote, "globex", "dns: of globex"},
                                                 {Kind::kNote, "acme", "bgp: not this"},
                                                 {Kind::kNote, "acme", "dns: line 3"}};
    const ipc::WebLooked out = looked_of(customer, {}, {}, facts, problems);
    REQUIRE(out.services.size() == 1);
    CHECK(out.services[0] ==
          ipc::WebService{"dns", "unbound", "refused", WallTime{1'700'000'000'000'000'000}, 2, "line 3"});
    CHECK_FALSE(out.has_firewall);
}

std::vector<std::uint8_t> link(std::uint32_t index, const std::string& name, std::uint32_t flags,
                               const std::string& alias = "") {
    ifinfomsg header{};
    header.ifi_index = static_cast<int>(index);
    header.ifi_flags = flags;
    NetlinkRequest request(RTM_NEWLINK, 0, header);
    request.put(IFLA_IFNAME, name).put(IFLA_IFALIAS, alias).put_host(IFLA_MTU, std::uint32_t{1500});
    const Bytes bytes = request.bytes();
    return {bytes.begin(), bytes.end()};
}

std::vector<std::uint8_t> neighbour(std::uint32_t index, const std::string& address, std::uint16_t state) {
    ndmsg header{};
    header.ndm_family = AF_INET;
    header.ndm_ifindex = static_cast<int>(index);
    header.ndm_state = state;
    NetlinkRequest request(RTM_NEWNEIGH, 0, header);
    const std::array<std::uint8_t, 6> mac{0x52, 0x54, 0, 0x12, 0xab, 0xff};
    request.put(NDA_DST, *parse_ip(address)).put(NDA_LLADDR, Bytes(mac));
    const Bytes bytes = request.bytes();
    return {bytes.begin(), bytes.end()};
}

void append(std::vector<std::uint8_t>& to, const std::vector<std::uint8_t>& more) {
    to.insert(to.end(), more.begin(), more.end());
}

TEST_CASE("the LAN is up, without carrier, down or missing, whatever other devices are") {
    const auto seen = [](std::uint32_t flags, const std::string& name = kHandoffDevice) {
        std::vector<std::uint8_t> links = link(1, "lo", IFF_UP | IFF_LOWER_UP, "mark");
        append(links, link(2, "vpn0", IFF_UP | IFF_LOWER_UP));
        append(links, link(3, name, flags));
        StackLook look;
        std::uint32_t index = 0;
        read_links(links, look, index);
        CHECK(look.owner == "mark");
        CHECK(index == (name == kHandoffDevice ? 3 : 0));
        return look.lan;
    };
    CHECK(seen(IFF_UP | IFF_LOWER_UP).has_carrier);
    CHECK(seen(IFF_UP | IFF_LOWER_UP).mtu == 1500);
    CHECK_FALSE(seen(IFF_UP).has_carrier);
    CHECK(seen(IFF_UP).is_up);
    CHECK_FALSE(seen(0).is_up);
    CHECK_FALSE(seen(IFF_UP | IFF_LOWER_UP, "eth7").is_there);
}

TEST_CASE("machines on the LAN are told, those that do not answer without their address, and not too many") {
    std::vector<std::uint8_t> dump = neighbour(3, "10.42.0.10", NUD_REACHABLE);
    append(dump, neighbour(3, "10.42.0.11", NUD_FAILED));
    append(dump, neighbour(2, "10.9.9.9", NUD_REACHABLE));
    append(dump, neighbour(3, "224.0.0.1", NUD_NOARP));
    ipc::WebLan lan;
    read_neighbours(dump, 3, lan);
    CHECK(lan.neighbours == std::vector<ipc::WebNeighbour>{{*parse_ip("10.42.0.10"), "52:54:00:12:ab:ff", true},
                                                           {*parse_ip("10.42.0.11"), "", false}});
    std::vector<std::uint8_t> many;
    for (int i = 0; i < 100; ++i) append(many, neighbour(3, "10.42.1." + std::to_string(i), NUD_STALE));
    ipc::WebLan full;
    read_neighbours(many, 3, full);
    CHECK(full.neighbours.size() == ipc::WebLan::kMaxNeighbours);
    CHECK(full.more_neighbours == 36);
    for (const int state : {NUD_STALE, NUD_DELAY, NUD_PROBE}) {
        ipc::WebLan quiet;
        read_neighbours(neighbour(3, "10.42.0.10", static_cast<std::uint16_t>(state)), 3, quiet);
        CHECK(quiet.neighbours.at(0) == ipc::WebNeighbour{*parse_ip("10.42.0.10"), "52:54:00:12:ab:ff", false});
    }
    for (std::size_t size = 0; size < dump.size(); ++size) {
        ipc::WebLan cut;
        read_neighbours(Bytes(dump).first(size), 3, cut);
        CHECK(cut.neighbours.size() <= 2);
    }
}

}  // namespace
}  // namespace warren::stacks
