#include "config/nat_map.h"

#include <doctest/doctest.h>

#include "samples.h"

using namespace warren;
using namespace warren::config;
using samples::customer_text;
using samples::peer_text;

namespace {

Customer customer(const std::string& more) {
    auto checked = samples::check(samples::kApplianceText, {{"acme", customer_text(more)}});
    REQUIRE(checked.text() == "");
    return checked.customers[0].value;
}

std::string networks(const Customer& customer, std::size_t peer) {
    std::string out;
    for (const Prefix& network : stack_networks(customer, customer.peers[peer])) out += to_string(network) + ' ';
    return out;
}

}  // namespace

TEST_CASE("the stack sees the mapped networks of a peer with maps, and those of the others as they are") {
    const Customer acme = customer(
        "[[nat.map]]\npeer = \"p\"\nreal = \"10.1.0.0/16\"\nmapped = \"10.101.0.0/16\"\n"
        "[[nat.map]]\nreal = \"fd00:1::/64\"\nmapped = \"fd77::/64\"\n" +
        peer_text("p", 1, "allowed_ips = [\"10.2.0.0/16\", \"10.1.2.0/24\", \"10.1.3.4/32\", \"fd00:1::7/128\"]\n") +
        peer_text("q", 2, "allowed_ips = [\"10.3.0.0/16\"]\n"));
    CHECK(networks(acme, 0) == "10.2.0.0/16 10.101.2.0/24 10.101.3.4/32 fd77::7/128 ");
    CHECK(networks(acme, 1) == "10.3.0.0/16 ");
    CHECK(maps_of(acme, acme.peers[0]).size() == 2);
    CHECK(maps_of(acme, acme.peers[1]).empty());
}

TEST_CASE("a map of a disabled peer is right, and takes no network") {
    const Customer acme = customer("[[nat.map]]\npeer = \"p\"\nreal = \"10.1.0.0/16\"\nmapped = \"10.101.0.0/16\"\n" +
                                   peer_text("p", 1, "allowed_ips = [\"10.1.0.0/16\"]\nenabled = false\n") +
                                   peer_text("q", 2, "allowed_ips = [\"10.1.0.0/16\"]\n"));
    CHECK(networks(acme, 1) == "10.1.0.0/16 ");
}
