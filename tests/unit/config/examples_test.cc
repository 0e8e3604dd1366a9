#include <doctest/doctest.h>

#include <filesystem>

#include "config/load.h"

using namespace warren;

namespace {

const std::filesystem::path kExamples = WARREN_SOURCE_DIR "/config/examples";

}  // namespace

TEST_CASE("the examples are valid but for the secrets, which are not here") {
    const config::Loaded loaded = config::load(kExamples.string(), {.secrets_may_be_absent = true});
    CHECK(loaded.appliance_valid);
    REQUIRE(loaded.customers.size() == 1);
    CHECK(loaded.customers[0].valid);
    for (const auto& diagnostic : loaded.diagnostics) INFO(config::format(diagnostic));
    REQUIRE(loaded.diagnostics.size() == 1);
    CHECK(loaded.diagnostics[0].message == "is missing: checks that need the keys are skipped");
    CHECK(loaded.diagnostics[0].severity == config::Severity::kWarning);
}

TEST_CASE("the examples mean what they say") {
    const config::Loaded loaded = config::load(kExamples.string(), {.secrets_may_be_absent = true});
    CHECK(loaded.appliance.name == "pop-vienna-1");
    using config::WireguardListener;
    CHECK(loaded.appliance.listeners ==
          std::vector<config::Listener>{{51820, WireguardListener{{"uplink"}}}, {4500, config::IkeListener{}}});
    CHECK(loaded.appliance.public_endpoint == "vpn.example.net:51820");
    CHECK(loaded.appliance.status_listen == parse_endpoint("127.0.0.1:8443"));
    REQUIRE(loaded.customers.size() == 1);
    const config::Customer& acme = loaded.customers[0].customer;
    CHECK(acme.id == "acme");
    CHECK(acme.name == "Acme Manufacturing GmbH");
    CHECK(acme.state == config::CustomerState::kActive);
    CHECK(acme.stack.addresses == std::vector<Prefix>{*parse_prefix("10.0.0.1/24"), *parse_prefix("fd00:42::1/64")});
    CHECK(acme.stack.mtu == 1400);
    CHECK(acme.stack.routes ==
          std::vector<config::StaticRoute>{{*parse_prefix("10.99.0.0/16"), *parse_ip("10.42.0.254")}});
    CHECK(acme.traffic == config::Traffic{{500'000'000, 1'000'000'000, {}, {}}, 2, {}});
    REQUIRE(acme.handoff);
    CHECK(acme.handoff->type == config::HandoffType::kVeth);
    CHECK(acme.handoff->parent == "lan0");
    CHECK(acme.handoff->mtu == 1500);
    CHECK(acme.listeners.empty());
    REQUIRE(acme.peers.size() == 2);
    const auto tunnel = [&acme](std::size_t i) { return std::get<config::WireguardTunnel>(acme.peers[i].tunnel); };
    CHECK(tunnel(0).preshared_key == config::SecretRef{"acme/branch-graz.psk"});
    CHECK(acme.peers[0].endpoint == parse_zoned_endpoint("198.51.100.77:51820"));
    CHECK(tunnel(1).persistent_keepalive_seconds == 25);
    CHECK(acme.peers[1].allowed_ips.size() == 2);
    REQUIRE(acme.ipsec);
    CHECK(acme.ipsec->identity.text == "acme.vpn.example.net");
    REQUIRE(acme.ipsec->connections.size() == 1);
    const config::Connection& linz = acme.ipsec->connections[0];
    CHECK(linz.psk == config::SecretRef{"acme/branch-linz.psk"});
    CHECK(linz.remote_identity == IkeIdentity{IkeIdentityType::kEmail, false, "linz@acme.example"});
    CHECK(config::children_of(linz)[0].routes == std::vector<Prefix>{*parse_prefix("10.44.0.0/16")});
}
