// What the status page and vpnctl are told of the customers' stacks.
#include "stacks/plan/web_view.h"

#include <doctest/doctest.h>

namespace warren::stacks {
namespace {

config::Generation generation_of(const std::vector<config::Customer>& customers) {
    config::Generation out;
    for (const config::Customer& customer : customers) {
        config::AcceptedCustomer accepted;
        accepted.customer = customer;
        out.customers.push_back(std::make_shared<const config::AcceptedCustomer>(std::move(accepted)));
    }
    return out;
}

config::Peer peer_of(const std::string& name, bool enabled) {
    config::Peer out;
    out.name = name;
    out.enabled = enabled;
    return out;
}

TEST_CASE("a stack is told with its LAN, routes and disabled peers, and how many more there are") {
    config::Customer customer;
    customer.id = "acme";
    customer.peers = {peer_of("graz", true)};
    ipc::WebStack expected;
    expected.customer = "acme";
    const auto shown = [&customer] {
        const auto stacks = web_stacks_of(generation_of({customer}), {});
        REQUIRE(stacks.size() == 1);
        return stacks.front();
    };
    CHECK(shown() == expected);

    SUBCASE("a LAN") {
        customer.handoff = config::Handoff{config::HandoffType::kVlan, "eth1", 7, {*parse_prefix("10.42.0.1/24")}, {}};
        expected.lan = "vlan";
        expected.lan_parent = "eth1";
        expected.lan_addresses = {*parse_prefix("10.42.0.1/24")};
        CHECK(shown() == expected);
    }
    SUBCASE("a route") {
        customer.stack.routes = {{*parse_prefix("10.9.0.0/16"), *parse_ip("10.42.0.254")}};
        expected.routes = {{*parse_prefix("10.9.0.0/16"), *parse_ip("10.42.0.254")}};
        CHECK(shown() == expected);
        customer.stack.routes.resize(ipc::WebStack::kMaxRoutes + 3);
        CHECK(shown().routes.size() == ipc::WebStack::kMaxRoutes);
        CHECK(shown().more_routes == 3);
    }
    SUBCASE("a disabled peer") {
        customer.peers.push_back(peer_of("linz", false));
        expected.disabled_peers = {"linz"};
        CHECK(shown() == expected);
        customer.peers.assign(ipc::WebStack::kMaxDisabled + 3, peer_of("linz", false));
        CHECK(shown().disabled_peers.size() == ipc::WebStack::kMaxDisabled);
        CHECK(shown().more_disabled == 3);
    }
}

TEST_CASE("a stack is not complete when it lacks something, also without a LAN, and not for another problem") {
    using Kind = ipc::ControlText::Kind;
    config::Customer acme;
    acme.id = "acme";
    config::Customer globex;
    globex.id = "globex";
    std::vector<ipc::ControlText> problems{{Kind::kNote, "globex", "refused: port 51820 is in use"},
                                           {Kind::kDiagnostic, "globex", "a warning"}};
    // More than a message to statusd carries.
    for (int i = 0; i < 300; ++i) problems.push_back({Kind::kIncomplete, "c" + std::to_string(i), "no device"});
    problems.push_back({Kind::kIncomplete, "acme", "no device"});
    const auto incomplete = incomplete_stacks(problems);
    CHECK(incomplete.size() == 301);
    const auto stacks = web_stacks_of(generation_of({acme, globex}), incomplete);
    REQUIRE(stacks.size() == 2);
    CHECK_FALSE(stacks[0].complete);
    CHECK(stacks[1].complete);
}

TEST_CASE("vpnctl gets one text for each customer that has disabled peers, with all names for the one that it names") {
    config::Customer acme;
    acme.id = "acme";
    config::Customer globex = acme;
    globex.id = "globex";
    config::Customer initech = acme;
    initech.id = "initech";
    acme.peers = {peer_of("graz", true), peer_of("linz", false)};
    for (int i = 0; i < 100; ++i) globex.peers.push_back(peer_of("peer-" + std::to_string(100 + i), false));
    initech.peers = {peer_of("graz", true)};
    const config::Generation all = generation_of({acme, globex, initech});

    const auto of_all = disabled_peers_of(all, "");
    REQUIRE(of_all.size() == 2);
    CHECK(of_all[0] == ipc::ControlText{ipc::ControlText::Kind::kFact, "acme", "1 linz"});
    CHECK(of_all[1].customer == "globex");
    CHECK(of_all[1].text.starts_with("100 peer-100 peer-101"));
    CHECK(of_all[1].text.size() < 250);
    CHECK_FALSE(of_all[1].text.ends_with("peer-199"));

    const auto of_one = disabled_peers_of(all, "globex");
    REQUIRE(of_one.size() == 1);
    CHECK(of_one[0].text.starts_with("100 peer-100"));
    CHECK(of_one[0].text.ends_with(" peer-199"));
    CHECK(disabled_peers_of(all, "initech").empty());
    CHECK(disabled_peers_of(all, "nobody").empty());

    globex.peers.assign(1000, peer_of(std::string(63, 'p'), false));
    CHECK(disabled_peers_of(generation_of({globex}), "globex")[0].text.size() < 8192);
}

}  // namespace
}  // namespace warren::stacks
