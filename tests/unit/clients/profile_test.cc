#include "clients/profile.h"

#include <doctest/doctest.h>

using namespace warren;
using namespace warren::clients;

namespace {

Prefix prefix(const char* text) {
    return parse_prefix(text).value();
}

config::Customer customer() {
    config::Customer out;
    out.id = "acme";
    out.stack.addresses = {prefix("10.0.0.1/24"), prefix("fd00::1/64")};
    out.handoff.emplace().addresses = {prefix("10.42.0.1/24")};
    out.peers.emplace_back().name = "graz";
    out.peers.back().allowed_ips = {prefix("10.43.0.0/16"), prefix("10.0.0.2/32")};
    out.peers.emplace_back().name = "phone";
    out.peers.back().allowed_ips = {prefix("10.0.0.3/32"), prefix("fd00::3/128"), prefix("192.0.2.1/32")};
    return out;
}

config::Appliance appliance() {
    config::Appliance out;
    out.public_endpoint = "vpn.example.net:51820";
    return out;
}

}  // namespace

TEST_CASE("a device reaches the stack, the LAN and all other peers, each network once") {
    const config::Customer one = customer();
    const auto phone = profile_of(appliance(), one, one.peers[1]);
    REQUIRE(phone.has_value());
    CHECK(phone->addresses == std::vector{prefix("10.0.0.3/32"), prefix("fd00::3/128")});
    CHECK(phone->routes ==
          std::vector{prefix("10.0.0.0/24"), prefix("10.42.0.0/24"), prefix("10.43.0.0/16"), prefix("fd00::/64")});
    CHECK(phone->endpoint == "vpn.example.net:51820");
    CHECK(phone->persistent_keepalive_seconds == 25);
    const auto graz = profile_of(appliance(), one, one.peers[0]);
    REQUIRE(graz.has_value());
    CHECK(graz->routes ==
          std::vector{prefix("10.0.0.0/24"), prefix("10.42.0.0/24"), prefix("192.0.2.1/32"), prefix("fd00::/64")});
}

TEST_CASE("[clients] says otherwise") {
    config::Customer one = customer();
    one.clients.emplace();
    one.clients->routes = {prefix("0.0.0.0/0")};
    one.clients->dns = {*parse_ip("10.42.0.53")};
    one.clients->search = {"acme.internal"};
    one.clients->mtu = 1380;
    one.clients->persistent_keepalive_seconds = 0;
    one.clients->endpoint = "gw.acme.example:443";
    const auto profile = profile_of(appliance(), one, one.peers[1]);
    REQUIRE(profile.has_value());
    crypto::PublicKey server;
    server.bytes.fill(1);
    CHECK(wg_quick_text(*profile, server, kNoPrivateKey, "PSK") ==
          "# acme: phone\n[Interface]\nPrivateKey = REPLACE_WITH_THE_PRIVATE_KEY_OF_THIS_DEVICE\n"
          "Address = 10.0.0.3/32, fd00::3/128\nDNS = 10.42.0.53, acme.internal\nMTU = 1380\n\n[Peer]\n"
          "PublicKey = " +
              crypto::to_base64(server) +
              "\nPresharedKey = PSK\nAllowedIPs = 0.0.0.0/0\n"
              "Endpoint = gw.acme.example:443\n");
}

TEST_CASE("a listener of the customer's own has its own port") {
    config::Customer one = customer();
    one.listeners.push_back({51842, config::WireguardListener{}});
    CHECK(profile_of(appliance(), one, one.peers[1])->endpoint == "vpn.example.net:51842");
    config::Appliance v6 = appliance();
    v6.public_endpoint = "[2001:db8::1]:51820";
    CHECK(profile_of(v6, one, one.peers[1])->endpoint == "[2001:db8::1]:51842");
}

TEST_CASE("without an endpoint there is no profile, and the error says where to put one") {
    const config::Customer one = customer();
    const auto profile = profile_of({}, one, one.peers[1]);
    REQUIRE_FALSE(profile.has_value());
    CHECK(profile.error().what.find("clients.endpoint") != std::string::npos);
}
