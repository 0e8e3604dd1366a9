// Which networks of peers are learned, and which are not.
#include "stacks/plan/learned.h"

#include <doctest/doctest.h>

#include <random>
#include <set>

#include "config/nat_map.h"
#include "ipc/learned_facts.h"
#include "scenery.h"

namespace warren::stacks {
namespace {

// Two sites, of which each has a router and a network; a LAN, and a network behind it.
config::Customer two_sites() {
    config::Customer customer;
    customer.id = "acme";
    customer.stack.addresses = {prefix("10.0.0.1/24"), prefix("fd00:42::1/64")};
    customer.handoff = handoff(config::HandoffType::kVeth, "", {"10.42.0.1/24"});
    customer.stack.routes = {{prefix("10.99.0.0/16"), ip("10.42.0.254")}};
    customer.peers = {peer("graz", {"10.0.0.2/32", "fd00:42::2/128", "10.43.0.0/16"}),
                      peer("linz", {"10.0.0.3/32", "10.44.0.0/16", "fd00:44::/48"}),
                      peer("off", {"10.0.0.4/32"}, false)};
    customer.bgp.emplace();
    customer.bgp->allow_learned = {prefix("10.0.0.0/8"), prefix("fd00::/8")};
    return customer;
}

LearnedRoute route(const std::string& to, const std::string& via, bool is_in_tunnel = true) {
    return {prefix(to), via.empty() ? std::nullopt : std::optional(ip(via)), is_in_tunnel, 1024};
}

std::string shown(const Learned& learned) {
    std::string out;
    for (const LearnedNetwork& each : learned.networks)
        out += to_string(each.network) + " " + each.peer + " " + to_string(each.gateway) + "\n";
    for (const RefusedNetwork& each : learned.refused) out += to_string(each.network) + " " + each.reason + "\n";
    return out;
}

std::string shown(const config::Customer& customer, const std::vector<LearnedRoute>& routes) {
    return shown(learn(customer, {routes, false}));
}

TEST_CASE("a network that is learned towards a peer is this peer's") {
    CHECK(shown(two_sites(), {route("10.60.1.0/24", "10.0.0.2"), route("10.60.2.0/24", "10.0.0.3"),
                              route("fd00:60::/48", "fd00:42::2"), route("10.60.3.0/24", "10.43.7.7")}) ==
          "10.60.1.0/24 graz 10.0.0.2\n10.60.2.0/24 linz 10.0.0.3\n10.60.3.0/24 graz 10.43.7.7\n"
          "fd00:60::/48 graz fd00:42::2\n");
}

TEST_CASE("without allow_learned nothing is learned") {
    config::Customer customer = two_sites();
    customer.bgp->allow_learned.clear();
    CHECK(shown(customer, {route("10.60.1.0/24", "10.0.0.2")}).empty());
    customer.bgp.reset();
    CHECK(shown(customer, {route("10.60.1.0/24", "10.0.0.2")}).empty());
}

TEST_CASE("a customer that is not served here has learned nothing") {
    config::Customer customer = two_sites();
    for (const auto state : {config::CustomerState::kSuspended, config::CustomerState::kStandby}) {
        customer.state = state;
        CHECK(shown(customer, {route("10.60.1.0/24", "10.0.0.2")}).empty());
    }
}

TEST_CASE("what is outside of the bounds is refused, a default route too") {
    config::Customer customer = two_sites();
    customer.bgp->allow_learned = {prefix("10.60.0.0/16")};
    const std::string outside = " it is outside of bgp.allow_learned\n";
    CHECK(shown(customer, {route("10.60.1.0/24", "10.0.0.2"), route("10.61.0.0/24", "10.0.0.2"),
                           route("10.60.0.0/15", "10.0.0.2"), route("0.0.0.0/0", "10.0.0.2"),
                           route("fd00:60::/48", "fd00:42::2")}) == "10.60.1.0/24 graz 10.0.0.2\n0.0.0.0/0" + outside +
                                                                        "10.60.0.0/15" + outside + "10.61.0.0/24" +
                                                                        outside + "fd00:60::/48" + outside);
    customer.bgp->allow_learned = {prefix("0.0.0.0/0")};
    CHECK(shown(customer, {route("0.0.0.0/0", "10.0.0.2")}) == "0.0.0.0/0 graz 10.0.0.2\n");
}

TEST_CASE("what the file gives to another peer is never taken, nor a part of it") {
    const config::Customer customer = two_sites();
    const std::string of_linz = " it is in 10.44.0.0/16 of peer \"linz\"\n";
    CHECK(shown(customer, {route("10.44.0.0/16", "10.0.0.2"), route("10.44.1.0/24", "10.0.0.2"),
                           route("10.0.0.3/32", "10.0.0.2"), route("fd00:44:0:1::/64", "fd00:42::2")}) ==
          "10.0.0.3/32 it is in 10.0.0.0/24 of stack.addresses\n10.44.0.0/16" + of_linz + "10.44.1.0/24" + of_linz +
              "fd00:44:0:1::/64 it is in fd00:44::/48 of peer \"linz\"\n");
    // A wider one takes nothing: the longest match is still the other peer's.
    CHECK(shown(customer, {route("10.44.0.0/15", "10.0.0.2")}) == "10.44.0.0/15 graz 10.0.0.2\n");
}

TEST_CASE("the networks of the stack, of the handoff and of static routes are never learned") {
    CHECK(shown(two_sites(), {route("10.0.0.0/24", "10.0.0.2"), route("10.42.0.77/32", "10.0.0.2"),
                              route("10.99.5.0/24", "10.0.0.2"), route("fd00:42::5/128", "fd00:42::2")}) ==
          "10.0.0.0/24 it is in 10.0.0.0/24 of stack.addresses\n10.42.0.77/32 it is in 10.42.0.0/24 of "
          "handoff.address\n10.99.5.0/24 it is in 10.99.0.0/16 of stack.route\nfd00:42::5/128 it is in fd00:42::/64 of "
          "stack.addresses\n");
}

TEST_CASE("what the peer has by the file is not said twice") {
    CHECK(shown(two_sites(), {route("10.43.0.0/16", "10.0.0.2"), route("10.43.9.0/24", "10.0.0.2")}).empty());
}

TEST_CASE("a peer with a default route leaves room for what others learn") {
    config::Customer customer = two_sites();
    customer.peers[1].allowed_ips.push_back(prefix("0.0.0.0/0"));
    customer.bgp->allow_learned.push_back(prefix("0.0.0.0/0"));
    CHECK(shown(customer, {route("10.60.1.0/24", "10.0.0.2")}) == "10.60.1.0/24 graz 10.0.0.2\n");
    CHECK(shown(customer, {route("0.0.0.0/0", "10.0.0.2")}) == "0.0.0.0/0 it is in 0.0.0.0/0 of peer \"linz\"\n");
    CHECK(shown(customer, {route("0.0.0.0/0", "10.0.0.3")}).empty());
}

TEST_CASE("nobody takes another peer's router, which is reached by a default route only") {
    config::Customer customer = two_sites();
    customer.peers.push_back(peer("core", {"0.0.0.0/0"}));
    customer.bgp->allow_learned = {prefix("172.16.0.0/12"), prefix("0.0.0.0/0")};
    customer.bgp->neighbours = {{"core", ip("172.16.0.1"), 64600, {prefix("172.16.0.0/12")}, 7},
                                {"graz", ip("10.0.0.2"), 64601, {prefix("172.16.0.0/12")}, 7}};
    const std::string taken = " it would take the neighbour 172.16.0.1 from where the file has it\n";
    CHECK(shown(customer, {route("172.16.0.1/32", "10.0.0.2"), route("172.16.0.0/16", "10.0.0.2"),
                           route("172.17.0.0/16", "10.0.0.2")}) ==
          "172.17.0.0/16 graz 10.0.0.2\n172.16.0.0/16" + taken + "172.16.0.1/32" + taken);
    // It may announce the network that it is in itself.
    CHECK(shown(customer, {route("172.16.0.0/16", "172.16.0.1")}) == "172.16.0.0/16 core 172.16.0.1\n");
    // A wider one than the file's takes nothing.
    CHECK(shown(customer, {route("10.0.0.0/8", "172.16.0.1")}) == "10.0.0.0/8 core 172.16.0.1\n");
}

TEST_CASE("a connection of IPsec keeps its networks, and learns none") {
    config::Customer customer = two_sites();
    customer.ipsec.emplace();
    customer.ipsec->connections.emplace_back();
    customer.ipsec->connections[0].name = "wien";
    customer.ipsec->connections[0].remote = {prefix("10.45.0.0/16")};
    customer.ipsec->connections[0].pool = {prefix("10.46.0.0/24")};
    CHECK(shown(customer, {route("10.45.1.0/24", "10.0.0.2"), route("10.46.0.9/32", "10.0.0.2"),
                           route("10.60.0.0/24", "10.45.0.1")}) ==
          "10.45.1.0/24 it is in 10.45.0.0/16 of connection \"wien\"\n10.46.0.9/32 it is in 10.46.0.0/24 of connection "
          "\"wien\"\n10.60.0.0/24 no peer's allowed_ips have its gateway\n");
}

TEST_CASE("a gateway that is no peer's, or several, are nobody's") {
    const config::Customer customer = two_sites();
    CHECK(shown(customer, {route("10.60.1.0/24", "10.0.0.4"), route("10.60.2.0/24", "10.0.0.9"),
                           route("10.60.3.0/24", "10.42.0.254"), route("10.60.4.0/24", "")}) ==
          "10.60.1.0/24 no peer's allowed_ips have its gateway\n10.60.2.0/24 no peer's allowed_ips have its gateway\n"
          "10.60.3.0/24 no peer's allowed_ips have its gateway\n10.60.4.0/24 it has several gateways or none\n");
    CHECK(shown(customer, {route("10.60.1.0/24", "10.42.0.254", false)}).empty());
}

TEST_CASE("the handoff has its addresses, although a peer has a default route") {
    config::Customer customer = two_sites();
    customer.peers[0].allowed_ips.push_back(prefix("0.0.0.0/0"));
    CHECK(shown(customer, {route("10.60.3.0/24", "10.42.0.254")}) ==
          "10.60.3.0/24 no peer's allowed_ips have its gateway\n");
}

TEST_CASE("of two routes to one network the kernel's is learned, once") {
    auto first = route("10.60.1.0/24", "10.0.0.3");
    first.metric = 32;
    CHECK(shown(two_sites(), {route("10.60.1.0/24", "10.0.0.2"), first}) == "10.60.1.0/24 linz 10.0.0.3\n");
}

TEST_CASE("the real networks of a map are not learned beside it") {
    config::Customer customer = two_sites();
    customer.peers[0].allowed_ips = {prefix("10.0.0.2/32"), prefix("10.70.1.0/24")};
    config::NatMap map;
    map.peer = "graz";
    map.real = prefix("10.70.0.0/16");
    map.mapped = prefix("10.80.0.0/16");
    customer.nat.maps = {map};
    CHECK(shown(customer, {route("10.70.2.0/24", "10.0.0.2"), route("10.80.1.0/24", "10.0.0.3"),
                           route("10.70.2.0/24", "10.80.1.1")}) ==
          "10.70.2.0/24 nat.map translates 10.70.0.0/16 of this peer\n10.80.1.0/24 it is in 10.80.1.0/24 of peer "
          "\"graz\"\n");
}

std::vector<LearnedRoute> many(const std::string& via, std::uint8_t second, std::size_t count) {
    std::vector<LearnedRoute> out;
    for (std::size_t i = 0; i < count; ++i)
        out.push_back({{IpAddress::v4(10, static_cast<std::uint8_t>(second + i / 65536),
                                      static_cast<std::uint8_t>(i / 256), static_cast<std::uint8_t>(i)),
                        32},
                       ip(via),
                       true,
                       1024});
    return out;
}

TEST_CASE("a customer has a most, of which each peer has a part") {
    const config::Customer customer = two_sites();
    auto routes = many("10.0.0.2", 60, 16'000);
    const auto few = many("10.0.0.3", 70, 100);
    routes.insert(routes.end(), few.begin(), few.end());
    Learned learned = learn(customer, {routes, true});
    CHECK(learned.networks.size() == kMostLearned);
    CHECK(by_peer(learned)["linz"].size() == 100);
    CHECK(by_peer(learned)["graz"].size() == kMostLearned - 100);
    CHECK(learned.refused.size() == kMostRefusedShown);
    CHECK(learned.refused_count == routes.size() - kMostLearned);
    CHECK(learned.refused.front().reason == "more are learned than the customer's 4096");
    CHECK(problem_of(learned).starts_with("there are more than 16384 learned routes"));
    const auto equal = many("10.0.0.3", 70, 16'000);
    routes.insert(routes.end(), equal.begin() + 100, equal.end());
    learned = learn(customer, {routes, false});
    CHECK(by_peer(learned)["linz"].size() == kMostLearned / 2);
    CHECK(by_peer(learned)["graz"].size() == kMostLearned / 2);
    CHECK(learn(customer, {many("10.0.0.2", 60, kMostLearned), false}).refused_count == 0);
}

TEST_CASE("the operator is told of the first that is refused") {
    config::Customer customer = two_sites();
    CHECK(problem_of(learn(customer, {{route("10.60.1.0/24", "10.0.0.2")}, false})).empty());
    CHECK(
        problem_of(learn(customer, {{route("10.44.1.0/24", "10.0.0.2"), route("10.44.2.0/24", "10.0.0.2")}, false})) ==
        "10.44.1.0/24 is learned from 10.0.0.2 and not used: it is in 10.44.0.0/16 of peer \"linz\" (and 1 more); its "
        "packets are dropped");
}

// Whatever is learned: what the file says of an address stays true, and no network is there twice.
TEST_CASE("random routes take nothing from anybody") {
    std::mt19937 random(13);
    const auto number = [&random](int most) { return std::uniform_int_distribution<>(0, most)(random); };
    for (int round = 0; round < 200; ++round) {
        config::Customer customer = two_sites();
        const auto some = [&] {
            return Prefix{IpAddress::v4(10, static_cast<std::uint8_t>(40 + number(6)),
                                        static_cast<std::uint8_t>(number(3)), static_cast<std::uint8_t>(number(255))),
                          static_cast<std::uint8_t>(8 + number(24))}
                .network();
        };
        std::set<Prefix> given;
        for (auto& each : customer.peers) {
            each.allowed_ips.resize(1);
            for (int i = number(4); i > 0; --i) {
                const Prefix network = some();
                if (given.insert(network).second) each.allowed_ips.push_back(network);
            }
        }
        LearnedRoutes routes;
        for (int i = 0; i < 40; ++i)
            routes.routes.push_back({some(), ip(number(1) == 0 ? "10.0.0.2" : "10.0.0.3"), number(5) != 0, 1024});
        const Learned learned = learn(customer, routes);
        std::set<Prefix> all;
        const auto longest = [&](const IpAddress& address, bool with_learned) {
            std::pair<int, std::string> best{-1, ""};
            const auto take = [&](const Prefix& network, const std::string& owner) {
                if (network.contains(address) && int{network.length} > best.first) best = {network.length, owner};
            };
            for (const auto& each : customer.peers) {
                for (const Prefix& network : each.allowed_ips)
                    if (each.enabled) take(network, each.name);
            }
            if (with_learned)
                for (const LearnedNetwork& each : learned.networks) take(each.network, each.peer);
            return best.second;
        };
        for (const auto& each : customer.peers) {
            for (const Prefix& network : each.allowed_ips)
                if (each.enabled) CHECK(all.insert(network).second);
        }
        for (const LearnedNetwork& each : learned.networks) CHECK(all.insert(each.network).second);
        for (int i = 0; i < 200; ++i) {
            const IpAddress address = some().address;
            const std::string before = longest(address, false);
            if (!before.empty() && longest(address, true) != before) {
                // Only an own network of the same peer may be the longer one... and then nothing changes.
                FAIL_CHECK(to_string(address));
            }
        }
    }
}

TEST_CASE("facts about learned networks are read as they were written") {
    for (const ipc::LearnedFact& fact : {ipc::LearnedFact{prefix("10.60.0.0/24"), "graz", "core", ""},
                                         ipc::LearnedFact{prefix("fd00:60::/48"), "graz", "", ""},
                                         ipc::LearnedFact{prefix("0.0.0.0/0"), "", "", "it is outside of all"}})
        CHECK(ipc::parse_learned_fact(ipc::text_of(fact)) == fact);
    for (const char* text : {"", "learned", "learned x peer y", "learned 10.0.0.0/8", "learned 10.0.0.0/8 peer ",
                             "service bgp bird running cgroup 1 2 3"})
        CHECK_FALSE(ipc::parse_learned_fact(text).has_value());
}

}  // namespace
}  // namespace warren::stacks
