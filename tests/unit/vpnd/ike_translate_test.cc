// What the customer set holds of IPsec, in the engine's words.
#include <doctest/doctest.h>

#include <string>

#include "vpnd/listeners/ike/translate.h"

using namespace warren;

namespace {

std::vector<Prefix> prefixes(std::initializer_list<const char*> texts) {
    std::vector<Prefix> out;
    for (const char* const text : texts) out.push_back(*parse_prefix(text));
    return out;
}

struct Held {
    Held() {
        customer.index = CustomerIndex{4};
        customer.workers = {1, 0};
        customer.settings.id = "acme";
        customer.ipsec.emplace().identity = {IkeIdentityType::kFqdn, false, "Acme.example"};
        connection.index = ConnectionIndex{3};
        connection.config.queue = 1;
        connection.config.psk = 7;
        auto& settings = connection.config.settings;
        settings.name = "graz";
        settings.remote_identity = {IkeIdentityType::kEmail, false, "graz@acme.example"};
        settings.children = {
            {"lan", prefixes({"10.0.0.0/24", "fd00::/64"}), prefixes({"10.0.1.0/25"}), prefixes({"10.0.1.0/25"})},
            {"voice", prefixes({"10.0.9.9/32"}), prefixes({"10.0.2.0/24"}), prefixes({"10.0.2.0/24"})}};
        settings.ike_rekey_seconds = 14'400;
        settings.child_rekey_seconds = 3600;
        settings.child_bytes = 1'000'000;
        settings.dpd_seconds = 0;
        settings.fragment_size = 576;
        settings.replay_window = 128;
        connection.places = vpnd::places_of(settings.children);
        connection.peers = {PeerIndex{10}, PeerIndex{11}};
    }
    [[nodiscard]] ike::Connection served() const {
        auto out = vpnd::connection_of(customer, connection);
        REQUIRE(out.has_value());
        return std::move(*out);
    }
    [[nodiscard]] std::string refused() const {
        const auto out = vpnd::connection_of(customer, connection);
        return out ? "" : out.error().what;
    }
    ipc::ConnectionSettings& settings() { return connection.config.settings; }

    vpnd::HeldCustomer customer;
    vpnd::HeldConnection connection;
};

}  // namespace

TEST_CASE("a site's connection, with its children at the worker of its queue") {
    const ike::Connection made = Held().served();
    CHECK(made.index == ConnectionIndex{3});
    CHECK(made.customer == CustomerIndex{4});
    CHECK(made.name == "graz");
    CHECK(made.psk == 7);
    CHECK(made.remote_identity.kind == ike::ExpectedIdentity::Kind::kExact);
    CHECK(ike::to_string(made.remote_identity) == "graz@acme.example");
    CHECK(made.start == ike::Start::kResponder);
    CHECK(made.lifetimes.ike_rekey == std::chrono::hours(4));
    CHECK(made.lifetimes.child_rekey == std::chrono::hours(1));
    CHECK(made.lifetimes.child_bytes == 1'000'000);
    CHECK(made.dpd == Duration::zero());
    CHECK(made.fragment_size == 576);
    CHECK(made.replay_window == 128);
    REQUIRE(made.children.size() == 2);
    CHECK(made.children[0].name == "lan");
    CHECK(made.children[0].peer == PeerIndex{10});
    CHECK(made.children[1].peer == PeerIndex{11});
    CHECK(made.children[1].worker == 0);
    REQUIRE(made.children[0].local.size() == 2);
    CHECK(ike::TrafficSelector{*parse_ip("10.0.0.0"), *parse_ip("10.0.0.255")} == made.children[0].local[0]);
    CHECK(ike::TrafficSelector{*parse_ip("fd00::"), *parse_ip("fd00::ffff:ffff:ffff:ffff")} ==
          made.children[0].local[1]);
    CHECK(ike::TrafficSelector{*parse_ip("10.0.1.0"), *parse_ip("10.0.1.127")} == made.children[0].remote[0]);
    CHECK(made.children[1].local[0].first == made.children[1].local[0].last);
    CHECK(made.ike == ike::default_ike_policy());
    CHECK(made.child == ike::default_child_policy());
}

TEST_CASE("identities: an address by its octets, a pattern by how it ends") {
    const auto v4 = vpnd::identity_of({IkeIdentityType::kAddress, false, "203.0.113.2"});
    REQUIRE(v4.has_value());
    CHECK(v4->type == ike::IdType::kIpv4Addr);
    CHECK(v4->value == std::vector<std::uint8_t>{203, 0, 113, 2});
    const auto v6 = vpnd::identity_of({IkeIdentityType::kAddress, false, "2001:db8::1"});
    REQUIRE(v6.has_value());
    CHECK(v6->type == ike::IdType::kIpv6Addr);
    CHECK(v6->value.size() == 16);
    CHECK_FALSE(vpnd::identity_of({IkeIdentityType::kDn, false, "CN=hub"}).has_value());

    Held held;
    held.settings().remote_identity = {IkeIdentityType::kEmail, true, "*@acme.example"};
    const ike::Connection made = held.served();
    CHECK(made.remote_identity.kind == ike::ExpectedIdentity::Kind::kPattern);
    CHECK(ike::to_string(made.remote_identity) == "*@acme.example");
    held.settings().remote_identity = {};
    CHECK(held.served().remote_identity.kind == ike::ExpectedIdentity::Kind::kAny);
}

TEST_CASE("the operator's proposals, and whether sequence numbers are extended") {
    Held held;
    held.settings().ike = {{{1, 20, 256}, {2, 6, 0}, {4, 31, 0}}};
    held.settings().esp = {{{1, 12, 256}, {3, 12, 0}}, {{1, 20, 128}}};
    ike::Connection made = held.served();
    REQUIRE(made.ike.lines.size() == 1);
    CHECK(made.ike.lines[0].prf[0]->name == "prfsha384");
    REQUIRE(made.child.lines.size() == 2);
    CHECK(made.child.lines[0].integrity[0]->name == "sha256");
    CHECK(made.child.lines[0].esn == std::vector{ike::EsnId::kYes, ike::EsnId::kNo});
    held.settings().esn = IpsecUse::kRequired;
    CHECK(held.served().child.lines[1].esn == std::vector{ike::EsnId::kYes});
    held.settings().esn = IpsecUse::kOff;
    CHECK(held.served().child.lines[1].esn == std::vector{ike::EsnId::kNo});
    held.settings().esp = {{{1, 12, 256}, {3, 13, 0}}};  // the data plane has no HMAC-SHA2-384
    CHECK(held.refused().find("proposals") != std::string::npos);
}

TEST_CASE("each session has peers of its own, and clients of a pool lease their side") {
    Held held;
    held.settings().max_sessions = 2;
    held.connection.peers = {PeerIndex{10}, PeerIndex{11}, PeerIndex{20}, PeerIndex{21}};
    const ike::Connection sites = held.served();
    CHECK(sites.max_sessions == 2);
    CHECK(sites.is_for_many());
    CHECK(sites.workers == held.customer.workers);
    CHECK(sites.children[0].peer_of(0) == PeerIndex{10});
    CHECK(sites.children[0].peer_of(1) == PeerIndex{20});
    CHECK(sites.children[1].peer_of(1) == PeerIndex{21});
    CHECK(sites.children[0].routes == held.settings().children[0].routes);
    CHECK(Held().served().children[0].routes.empty());

    held.settings().pool = prefixes({"10.99.0.0/24", "fd00:99::/112"});
    held.settings().children = {{"people", prefixes({"0.0.0.0/0"}), {}, {}}};
    held.connection.places = vpnd::places_of(held.settings().children);
    held.connection.peers = {PeerIndex{10}, PeerIndex{11}};
    held.customer.ipsec->dns = {*parse_ip("10.0.0.53")};
    held.customer.ipsec->dns_domains = {"corp.acme.example"};
    const ike::Connection people = held.served();
    CHECK(people.pool == held.settings().pool);
    CHECK(people.children[0].routes == held.settings().pool);
    CHECK(people.children[0].remote.empty());
    CHECK(people.clients == ike::ClientSettings{{*parse_ip("10.0.0.53")}, {"corp.acme.example"}});
}

TEST_CASE("KS2: split makes a child of each pair of networks of one family, as flows of one peer, when we begin") {
    Held held;
    held.settings().split = true;
    held.settings().children[0].remote = prefixes({"10.0.1.0/25", "fd01::/64", "fd02::/64"});
    CHECK(held.served().children.size() == 2);
    held.settings().start = IpsecStart::kOnTraffic;
    const ike::Connection made = held.served();
    REQUIRE(made.children.size() == 4);
    CHECK(made.children[0].name == "lan");
    CHECK(made.children[1].name == "lan/2");
    CHECK(made.children[2].name == "lan/3");
    CHECK(made.children[3].name == "voice");
    CHECK(made.children[2].peer == made.children[0].peer);
    CHECK(made.children[2].local == std::vector{made.children[1].local[0]});
    CHECK(made.children[2].remote[0].first == *parse_ip("fd02::"));
}

TEST_CASE("the rest of an operator's settings") {
    Held held;
    held.settings().mobike = false;
    held.settings().copy_dscp = true;
    held.settings().reauth_seconds = 7200;
    held.connection.config.ppk = 9;
    held.settings().ppk_identity = "graz-2026";
    held.settings().ppk_required = true;
    const ike::Connection made = held.served();
    CHECK_FALSE(made.mobike);
    CHECK(made.copies_dscp);
    CHECK(made.reauth == std::chrono::hours(2));
    CHECK(made.ppk == 9);
    CHECK(made.ppk_identity == "graz-2026");
    CHECK(made.ppk_required);
}

TEST_CASE("a peer with a certificate: the customer's signer and trust") {
    Held held;
    held.settings().auth = IpsecAuth::kCertificate;
    held.connection.config.psk = kNoSecret;
    held.customer.ipsec->signer = 8;
    held.customer.ipsec->trust = 9;
    const ike::Connection made = held.served();
    CHECK(made.auth == ike::Auth::kCertificate);
    CHECK(made.signer == 8);
    CHECK(made.trust == 9);
}

TEST_CASE("EAP is served with the customer's realms and secrets") {
    Held held;
    held.settings().auth = IpsecAuth::kEapMschapv2;
    CHECK(held.served().auth == ike::Auth::kEapMschapv2);
    held.settings().auth = IpsecAuth::kEapTls;
    CHECK(held.served().auth == ike::Auth::kEapTls);
    held.customer.ipsec->realms = {"acme.example"};
    held.customer.ipsec->signer = 5;
    held.customer.ipsec->trust = 6;
    CHECK(customer_of(held.customer).realms == std::vector<std::string>{"acme.example"});
    CHECK(held.served().signer == 5);
    CHECK(held.served().trust == 6);
}

TEST_CASE("what this version does not serve is refused, and says why") {
    Held held;
    SUBCASE("a postquantum key beside a certificate") {
        held.settings().auth = IpsecAuth::kCertificate;
        held.settings().ppk_identity = "graz-2026";
    }
    SUBCASE("too many pairs") {
        held.settings().split = true;
        held.settings().start = IpsecStart::kAlways;
        held.settings().children[0].local = prefixes({"10.0.0.0/24", "10.0.2.0/24", "10.0.3.0/24", "10.0.4.0/24"});
        held.settings().children[0].remote = held.settings().children[0].local;
    }
    SUBCASE("a DN") {
        held.settings().remote_identity = {IkeIdentityType::kDn, false, "CN=graz"};
    }
    SUBCASE("a DN of ours") {
        held.settings().local_identity = IkeIdentity{IkeIdentityType::kDn, false, "CN=hub"};
    }
    SUBCASE("too many networks") {
        held.settings().children[0].local.resize(ike::kMostSideSelectors + 1);
    }
    CHECK(held.refused() != "");
}

TEST_CASE("the customer by what a peer may call it") {
    Held held;
    held.customer.ipsec->addresses = {*parse_ip("198.51.100.7")};
    const ike::CustomerConfig made = vpnd::customer_of(held.customer);
    CHECK(made.customer == CustomerIndex{4});
    CHECK(made.name == "acme");
    REQUIRE(made.identity.has_value());
    CHECK(*made.identity == *ike::parse_identity("acme.example"));
    CHECK(made.addresses == held.customer.ipsec->addresses);
}

TEST_CASE("the listener's settings: Windows' groups only where the operator says so, the gateway's identity") {
    vpnd::HeldListener listener;
    listener.index = ListenerIndex{2};
    listener.id = vpnd::kIkeListener;
    listener.port = kNatTraversalPort;
    ipc::IkeListener ike;
    listener.settings = ike;
    ike::Settings made = vpnd::settings_of(listener);
    CHECK(made.listener == ListenerIndex{2});
    CHECK(made.ike_port == 500);
    CHECK(made.nat_port == 4500);
    CHECK(made.ike == ike::default_ike_policy());
    CHECK_FALSE(made.gateway.has_value());
    CHECK(made.forces_encapsulation);
    ike.takes_legacy_windows = true;
    ike.gateway = ipc::IkeGateway{{IkeIdentityType::kFqdn, false, "vpn.example.net"}, 5};
    listener.settings = ike;
    CHECK(vpnd::ike_policy_of(listener) == ike::windows_ike_policy());
    CHECK(vpnd::gateway_of(listener) == ike::parse_identity("vpn.example.net").value());
}
