#include "clients/address_pool.h"

#include <doctest/doctest.h>

using namespace warren;
using clients::AddressPool;

namespace {

Prefix prefix(const char* text) {
    return parse_prefix(text).value();
}

config::Customer customer(const std::vector<const char*>& stack, const std::vector<const char*>& pool = {}) {
    config::Customer out;
    for (const char* one : stack) out.stack.addresses.push_back(prefix(one));
    if (!pool.empty()) out.clients.emplace();
    for (const char* one : pool) out.clients->pool.push_back(prefix(one));
    return out;
}

void add_peer(config::Customer& to, const std::vector<const char*>& networks) {
    config::Peer& peer = to.peers.emplace_back();
    for (const char* one : networks) peer.allowed_ips.push_back(prefix(one));
}

std::string next(AddressPool& pool) {
    const auto free = pool.next();
    if (!free) return free.error().what;
    std::string out;
    for (const Prefix& one : *free) out += (out.empty() ? "" : " ") + to_string(one);
    return out;
}

}  // namespace

TEST_CASE("the next free address is taken of each family, and never twice") {
    AddressPool pool(customer({"10.0.0.1/24", "fd00::1/64"}));
    CHECK(next(pool) == "10.0.0.2/32 fd00::2/128");
    CHECK(next(pool) == "10.0.0.3/32 fd00::3/128");
}

TEST_CASE("no device gets what the stack or any peer has, nor a network's own address") {
    config::Customer one = customer({"10.0.0.2/28"}, {"10.0.0.0/28"});
    one.handoff.emplace().addresses.push_back(prefix("10.0.0.3/28"));
    add_peer(one, {"10.0.0.4/30"});
    one.peers.back().enabled = false;
    add_peer(one, {"10.0.0.9/32", "10.0.0.8/32"});
    AddressPool pool(one);
    CHECK(next(pool) == "10.0.0.1/32");
    CHECK(next(pool) == "10.0.0.10/32");
    for (const char* last : {"11", "12", "13", "14"}) CHECK(next(pool) == std::string("10.0.0.") + last + "/32");
    CHECK(next(pool) == "the pool has no free IPv4 address left; clients.pool takes more networks");
}

TEST_CASE("no device gets an address within a network that is mapped, nor within what it is mapped to") {
    config::Customer one = customer({"10.0.0.1/16"}, {"10.0.0.248/29", "10.101.1.0/24", "10.9.0.0/24"});
    add_peer(one, {"10.0.0.252/31"});
    one.peers.back().name = "graz";
    one.nat.maps.push_back({"graz", prefix("10.0.0.250/31"), prefix("10.9.0.0/31")});
    one.nat.maps.push_back({"graz", prefix("10.0.0.252/30"), prefix("10.101.0.0/16")});
    AddressPool pool(one);
    CHECK(next(pool) == "10.0.0.249/32");
    CHECK(next(pool) == "10.9.0.2/32");  // neither 10.0.0.250 to 255 nor any of 10.101.1.0/24
}

TEST_CASE("no device gets what is leased to clients of IPsec, or routed to a site or a router") {
    config::Customer one = customer({"10.0.0.1/28"});
    one.stack.routes.push_back({prefix("10.0.0.2/32"), prefix("10.0.0.1/32").address});
    one.stack.routes.push_back({prefix("0.0.0.0/0"), prefix("10.0.0.1/32").address});
    config::Connection people;
    people.pool = {prefix("10.0.0.4/30")};
    config::Connection site;
    site.remote = {prefix("10.0.0.8/32")};
    config::Connection sites;
    sites.enabled = false;
    sites.children.resize(2);
    sites.children[0].remote = {prefix("10.0.0.3/32")};
    sites.children[1].remote = {prefix("10.0.0.12/30")};
    sites.children[1].routes = {prefix("10.0.0.12/31")};
    one.ipsec.emplace().connections = {people, site, sites};
    AddressPool pool(one);
    for (const char* free : {"9", "10", "11", "14"}) CHECK(next(pool) == std::string("10.0.0.") + free + "/32");
    CHECK(next(pool).find("no free IPv4") != std::string::npos);
}

TEST_CASE("a peer with a network that is wider than the pool takes nothing of it") {
    config::Customer one = customer({"10.0.0.1/24"});
    add_peer(one, {"0.0.0.0/0", "10.0.0.0/8"});
    AddressPool pool(one);
    CHECK(next(pool) == "10.0.0.2/32");
}

TEST_CASE("when one network of the pool is full the next one is used") {
    AddressPool pool(customer({"10.9.9.9/24"}, {"10.0.0.0/31", "10.0.1.0/30"}));
    CHECK(next(pool) == "10.0.0.0/32");
    CHECK(next(pool) == "10.0.0.1/32");
    CHECK(next(pool) == "10.0.1.1/32");
}

TEST_CASE("the last addresses there are do not overflow") {
    AddressPool pool(customer({"10.9.9.9/24"}, {"255.255.255.254/31", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe/127"}));
    CHECK(next(pool).starts_with("255.255.255.254/32 "));
    CHECK(next(pool).starts_with("255.255.255.255/32 "));
    CHECK(next(pool).find("no free IPv4") != std::string::npos);
}

TEST_CASE("every address is found once, whatever is taken") {
    config::Customer one = customer({"10.0.0.1/22"});
    std::size_t taken = 3;  // network, broadcast, stack
    for (unsigned i = 7; i < 1020; i += 13) {
        one.peers.emplace_back().allowed_ips.push_back(
            {IpAddress::v4(10, 0, static_cast<std::uint8_t>(i / 256), static_cast<std::uint8_t>(i % 256)), 32});
        ++taken;
    }
    AddressPool pool(one);
    std::size_t found = 0;
    IpAddress before{};
    while (const auto free = pool.next()) {
        CHECK(before < free->front().address);
        before = free->front().address;
        for (const config::Peer& peer : one.peers) CHECK(peer.allowed_ips.front().address != before);
        ++found;
    }
    CHECK(found == 1024 - taken);
}
