// What the status page is told of the customers' stacks.
#include "stacks/plan/web_view.h"

#include <doctest/doctest.h>

namespace warren::stacks {
namespace {

const ipc::WebStack* shown_of(const config::Customer& customer, std::vector<ipc::WebStack>& out) {
    config::AcceptedCustomer accepted;
    accepted.customer = customer;
    config::Generation generation;
    generation.customers.push_back(std::make_shared<const config::AcceptedCustomer>(std::move(accepted)));
    out = web_stacks_of(generation);
    return out.empty() ? nullptr : &out.front();
}

TEST_CASE("a stack is told with its LAN, routes and disabled peers; one without any of them is left out") {
    std::vector<ipc::WebStack> out;
    config::Customer customer;
    customer.id = "acme";
    config::Peer peer;
    peer.name = "graz";
    customer.peers = {peer};
    CHECK(shown_of(customer, out) == nullptr);

    SUBCASE("a LAN") {
        customer.handoff = config::Handoff{config::HandoffType::kVlan, "eth1", 7, {*parse_prefix("10.42.0.1/24")}, {}};
        REQUIRE(shown_of(customer, out) != nullptr);
        CHECK(out.front() == ipc::WebStack{"acme", "vlan", "eth1", {*parse_prefix("10.42.0.1/24")}, {}, {}});
    }
    SUBCASE("a route") {
        customer.stack.routes = {{*parse_prefix("10.9.0.0/16"), *parse_ip("10.42.0.254")}};
        REQUIRE(shown_of(customer, out) != nullptr);
        CHECK(out.front() ==
              ipc::WebStack{"acme", {}, {}, {}, {{*parse_prefix("10.9.0.0/16"), *parse_ip("10.42.0.254")}}, {}});
        customer.stack.routes.resize(ipc::WebStack::kMaxRoutes + 1);
        CHECK(shown_of(customer, out)->routes.size() == ipc::WebStack::kMaxRoutes);
    }
    SUBCASE("a disabled peer") {
        customer.peers.push_back(peer);
        customer.peers.back().name = "linz";
        customer.peers.back().enabled = false;
        REQUIRE(shown_of(customer, out) != nullptr);
        CHECK(out.front() == ipc::WebStack{"acme", {}, {}, {}, {}, {"linz"}});
        customer.peers.assign(ipc::WebStack::kMaxDisabled + 1, customer.peers.back());
        CHECK(shown_of(customer, out)->disabled_peers.size() == ipc::WebStack::kMaxDisabled);
    }
}

}  // namespace
}  // namespace warren::stacks
