// IPsec on its way through stackd: routes and steering of the stack, messages to vpnd, a renamed customer.
#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <map>

#include "config/named_secrets.h"
#include "config/parse.h"
#include "room.h"
#include "stacks/connections.h"
#include "stacks/plan/renames.h"

namespace warren::stacks {
namespace {

const std::string kIpsec =
    "[ipsec]\nidentity = \"acme.example\"\n"
    "[[ipsec.connection]]\nname = \"graz\"\nauth = \"psk\"\npsk = { secret = \"graz\" }\n"
    "remote_identity = \"graz@acme.example\"\nlocal = [\"10.0.0.0/24\"]\nremote = [\"10.1.0.0/16\"]\n";

const SecretNumbers kNumbers{crypto::Secret<32>()};

config::Customer customer(const std::string& more) {
    std::vector<config::Diagnostic> out;
    auto parsed = config::parse_customer(
        "acme.toml", "acme", "schema = 1\nname = \"Acme\"\n[stack]\naddresses = [\"10.0.0.1/24\"]\n" + more, out);
    REQUIRE_MESSAGE(out.empty(), out.front().message);
    return parsed.value;
}

std::vector<std::string> tunnel_routes(const config::Customer& of) {
    std::vector<std::string> out;
    for (const Route& route : desired_stack(of, kTestRunDir).routes) {
        if (route.device == kTunnelDevice) out.push_back(to_string(route.to));
    }
    return out;
}

// A configuration with the listener of IKE, which vpnd holds.
struct IpsecRoom : Room {
    IpsecRoom() {
        write("warren.toml", appliance() + "[ipsec]\n");
        write("secrets/graz", "our cat is called Fritz\n");
    }
    void adopt_ike() {
        Holdings holdings;
        for (const ipc::ListenerId& id : {ipc::ListenerId{}, ipc::ListenerId{"", ipc::ListenerKind::kIke}}) {
            const bool is_ike = id.kind == ipc::ListenerKind::kIke;
            ReturnedListener& held = holdings.listeners[id];
            held.port = is_ike ? kNatTraversalPort : 51820;
            held.roles = {{ipc::SocketRole::kMessages}, {ipc::SocketRole::kData}};
            if (is_ike) held.roles.push_back({ipc::SocketRole::kMessages, Family::kV4, 0, 1});
            if (!is_ike) held.roles.push_back({ipc::SocketRole::kControl});
            for (int i = 0; i < 3; ++i) held.descriptors.push_back(some_descriptor());
        }
        reconciler.adopt(std::move(holdings));
    }
    void write_site(const std::string& id, const std::string& more = "") const {
        std::string ipsec = kIpsec;
        ipsec.replace(ipsec.find("acme.example"), 12, id + ".example");
        write("customers/" + id + ".toml",
              "schema = 1\nname = \"" + id + "\"\n[stack]\naddresses = [\"10.0.0.1/24\"]\n" + ipsec + more);
    }
};

TEST_CASE("networks behind connections lead to vpn0 before anybody comes: routes, pools, not what is disabled") {
    const std::string child = "[[ipsec.connection.child]]\nlocal = [\"10.0.0.0/24\"]\n";
    const config::Customer all = customer(
        kIpsec + "[[ipsec.connection]]\nname = \"linz\"\nauth = \"psk\"\n" + child +
        "name = \"lan\"\nremote = [\"0.0.0.0/0\"]\nroutes = [\"10.2.0.0/16\"]\n" + child +
        "name = \"voice\"\nremote = [\"10.3.0.0/16\"]\n" +
        "[[ipsec.connection]]\nname = \"people\"\nauth = \"eap-tls\"\nlocal = [\"0.0.0.0/0\"]\n" +
        "pool = [\"10.99.0.0/24\", \"fd00:99::/112\"]\n" +
        "[[ipsec.connection]]\nname = \"off\"\nauth = \"psk\"\nlocal = [\"0.0.0.0/0\"]\nremote = [\"10.98.0.0/16\"]\n" +
        "enabled = false\n");
    CHECK(tunnel_routes(all) ==
          std::vector<std::string>{"10.1.0.0/16", "10.2.0.0/16", "10.3.0.0/16", "10.99.0.0/24", "fd00:99::/112"});
}

TEST_CASE("a connection's networks are served by the queue that vpnd is told") {
    config::Customer large =
        customer(kIpsec + "[[ipsec.connection]]\nname = \"people\"\nauth = \"eap-tls\"\nlocal = [\"0.0.0.0/0\"]\n" +
                 "pool = [\"10.99.0.0/24\"]\n");
    large.stack.queues = 8;
    config::Secrets secrets;
    const std::vector<std::uint8_t> key(20, 7);
    secrets.put({{"graz"}, "", "", "", config::FileForm::kPsk}, crypto::SecretBuffer(Bytes(key)));
    const auto steering = desired_stack(large, kTestRunDir, 8).steering;
    REQUIRE(steering.size() == 2);
    std::map<std::string, std::uint16_t> queues;
    for (const SteeringEntry& entry : steering) queues[to_string(entry.to)] = entry.queue;
    const auto put = [&](std::size_t i) {
        return put_connection(*large.ipsec, large.ipsec->connections[i], secrets, kNumbers, 8);
    };
    CHECK(queues.at("10.1.0.0/16") == put(0).queue);
    CHECK(queues.at("10.99.0.0/24") == put(1).queue);
}

TEST_CASE("what the file says of a connection is what vpnd gets") {
    const config::Customer all = customer(
        "[ipsec]\nidentity = \"Acme.example\"\naddresses = [\"198.51.100.7\"]\ncertificate = \"hub.pem\"\n"
        "private_key = { secret = \"hub.key\" }\nca = [\"ca.pem\"]\ncrl = [\"ca.crl\"]\ncrl_required = true\n"
        "realms = [\"ACME\"]\ndns = [\"10.0.0.53\"]\ndns_domains = [\"corp.example\"]\n"
        "[[ipsec.connection]]\nname = \"graz\"\nauth = \"psk\"\npsk = { secret = \"graz\" }\n"
        "remote_identity = \"graz\"\nlocal_identity = \"hub@acme.example\"\nremote_address = \"203.0.113.2\"\n"
        "start = \"on-traffic\"\nlocal = [\"10.0.0.0/24\"]\nremote = [\"0.0.0.0/0\"]\nroutes = [\"10.1.0.0/16\"]\n"
        "ike = [\"aes256gcm-sha384-x25519\"]\nesp = [\"aes128gcm\"]\npfs = \"off\"\nike_rekey = \"8 h\"\n"
        "child_rekey = \"30 min\"\nchild_bytes = \"10 GB\"\nreauth = \"12 h\"\ndpd = \"off\"\nmobike = false\n"
        "fragmentation = false\nfragment_size = 1400\nencapsulation = \"auto\"\nreplay_window = 64\n"
        "esn = \"required\"\nsplit = true\ncopy_dscp = true\nppk = { secret = \"ppk\" }\nppk_identity = \"p\"\n"
        "ppk_required = true\n");
    config::Secrets secrets;
    secrets.put({{"graz"}, "", "", "", config::FileForm::kPsk}, crypto::SecretBuffer(as_bytes("0123456789abcdefghij")));
    secrets.put({{"ppk"}, "", "", "", config::FileForm::kPpk}, crypto::SecretBuffer(as_bytes("a post-quantum key")));
    for (const char* name : {"hub.pem", "ca.pem", "ca.crl"})
        secrets.put({{name}, "", "", "", config::FileForm::kCertificate}, crypto::SecretBuffer(as_bytes("PEM")));
    secrets.put({{"hub.key"}, "", "", "", config::FileForm::kPrivateKey}, crypto::SecretBuffer(as_bytes("PEM")));
    const auto put = put_connection(*all.ipsec, all.ipsec->connections[0], secrets, kNumbers, 1);
    const ipc::ConnectionSettings& its = put.settings;
    ipc::ConnectionSettings expected;
    expected.name = "graz";
    expected.remote_identity = {IkeIdentityType::kFqdn, false, "graz"};
    expected.local_identity = IkeIdentity{IkeIdentityType::kEmail, false, "hub@acme.example"};
    expected.remote_address = ip("203.0.113.2");
    expected.start = IpsecStart::kOnTraffic;
    expected.children = {{"graz", {prefix("10.0.0.0/24")}, {prefix("0.0.0.0/0")}, {prefix("10.1.0.0/16")}}};
    expected.ike = {{{1, 20, 256}, {2, 6, 0}, {4, 31, 0}}};
    expected.esp = {{{1, 20, 128}}};
    expected.pfs = IpsecUse::kOff;
    expected.ike_rekey_seconds = 28'800;
    expected.child_rekey_seconds = 1'800;
    expected.child_bytes = 10'000'000'000;
    expected.reauth_seconds = 43'200;
    expected.dpd_seconds = 0;
    expected.mobike = false;
    expected.fragmentation = false;
    expected.fragment_size = 1400;
    expected.encapsulation = IpsecEncapsulation::kAuto;
    expected.replay_window = 64;
    expected.esn = IpsecUse::kRequired;
    expected.split = true;
    expected.copy_dscp = true;
    expected.ppk_identity = "p";
    expected.ppk_required = true;
    CHECK(its == expected);
    CHECK(ipc::check(its));
    CHECK(put.psk == kNumbers.of(psk_of(all.ipsec->connections[0], secrets)));
    CHECK(put.ppk == kNumbers.of(ppk_of(all.ipsec->connections[0], secrets)));
    CHECK(put.psk != put.ppk);
    CHECK(put.users == kNoSecret);
    const ipc::IpsecCustomer whole = ipsec_customer(*all.ipsec, secrets, kNumbers);
    CHECK(whole == ipc::IpsecCustomer{{IkeIdentityType::kFqdn, false, "Acme.example"},
                                      {ip("198.51.100.7")},
                                      kNumbers.of(signer_of(*all.ipsec, secrets)),
                                      kNumbers.of(trust_of(*all.ipsec, secrets)),
                                      {"ACME"},
                                      {ip("10.0.0.53")},
                                      {"corp.example"}});
}

TEST_CASE("the defaults reach vpnd as they are documented") {
    const config::Customer site = customer(kIpsec);
    config::Secrets secrets;
    secrets.put({{"graz"}, "", "", "", config::FileForm::kPsk}, crypto::SecretBuffer(as_bytes("0123456789abcdefghij")));
    const ipc::ConnectionSettings its =
        put_connection(*site.ipsec, site.ipsec->connections[0], secrets, kNumbers, 1).settings;
    CHECK(its.ike_rekey_seconds == 14'400);
    CHECK(its.child_rekey_seconds == 3'600);
    CHECK(its.child_bytes == 64'000'000'000);
    CHECK(its.reauth_seconds == 0);
    CHECK(its.dpd_seconds == 30);
    CHECK(its.max_sessions == 1);
    CHECK(its.mobike);
    CHECK_FALSE(its.encapsulation.has_value());
    CHECK(its.children[0].routes == its.children[0].remote);
    CHECK(site.stack.mtu == 1400);
    config::IkeListener listener;
    listener.legacy = {"windows"};
    listener.gateway = config::IpsecGateway{{IkeIdentityType::kFqdn, false, "vpn"}, {"gateway.pem"}, {"gateway.key"}};
    secrets.put({{"gateway.pem"}, "", "", "", config::FileForm::kCertificate}, crypto::SecretBuffer(as_bytes("PEM")));
    secrets.put({{"gateway.key"}, "", "", "", config::FileForm::kPrivateKey}, crypto::SecretBuffer(as_bytes("PEM")));
    const ipc::IkeListener ike = ike_listener(listener, secrets, kNumbers);
    CHECK(ike.takes_legacy_windows);
    CHECK(ike.gateway ==
          ipc::IkeGateway{{IkeIdentityType::kFqdn, false, "vpn"}, kNumbers.of(signer_of(*listener.gateway, secrets))});
}

TEST_CASE("connections go to vpnd behind their customer, and again when a key or an option changes") {
    IpsecRoom room;
    room.write_site("acme");
    room.adopt_ike();
    const Report report = room.apply();
    REQUIRE_MESSAGE(report.accepted, report.summary);
    CHECK(joined(room.received()) ==
          joined(Lines{"begin", "listener '' 51820", "IKE listener '' 4500",
                       "customer acme with tun +1 descriptors, 1 connections", "connection graz", "commit"}));
    room.apply();
    CHECK(joined(room.received()) == joined(Lines{"begin", "commit"}));
    SUBCASE("the preshared key") {
        room.write("secrets/graz", "our cat is called Hansi\n");
        const Report changed = room.apply();
        CHECK(mentions(changed, "acme", "connection graz psk: the key in the file changed"));
    }
    SUBCASE("an option") {
        room.write_site("acme", "dpd = \"10 s\"\n");
        CHECK(mentions(room.apply(), "acme", "connection graz dpd: 30 s -> 10 s"));
    }
    CHECK(joined(room.received()) ==
          joined(Lines{"begin", "customer acme, 1 connections", "connection graz", "commit"}));
}

TEST_CASE("a disabled connection is not sent, and the listener's settings go alone") {
    IpsecRoom room;
    room.write_site("acme", "enabled = false\n");
    room.adopt_ike();
    REQUIRE(room.apply().accepted);
    CHECK(contains(room.received(), "customer acme with tun +1 descriptors, 0 connections"));
    room.write("warren.toml", Room::appliance() + "[ipsec]\nencapsulation = \"auto\"\n");
    room.apply();
    CHECK(joined(room.received()) == joined(Lines{"begin", "listener '' 51820", "IKE listener '' 4500", "commit"}));
}

TEST_CASE("the listener of IKE goes with [ipsec], which customers may not use then") {
    IpsecRoom room;
    room.write_site("acme");
    room.adopt_ike();
    REQUIRE(room.apply().accepted);
    (void)room.received();
    room.write("warren.toml", Room::appliance());
    const Report refused = room.apply();
    CHECK(mentions(refused, "acme", "warren.toml has no [ipsec]"));
    CHECK_FALSE(refused.accepted);
    room.write_customer("acme", 'A');
    REQUIRE(room.apply().accepted);
    CHECK(contains(room.received(), "remove IKE listener ''"));
}

TEST_CASE("a customer with connections alone is the same one under another name") {
    IpsecRoom room;
    room.write_site("acme");
    room.adopt_ike();
    REQUIRE(room.apply().accepted);
    (void)room.received();
    std::filesystem::rename(room.directory_ + "/customers/acme.toml", room.directory_ + "/customers/globex.toml");
    REQUIRE(room.apply().accepted);
    const Lines received = room.received();
    CHECK(contains(received, "rename customer acme to globex"));
    CHECK_FALSE(contains(received, "remove customer"));
    // Another identity of ours is another customer.
    room.write_site("initech");
    room.remove_customer("globex");
    REQUIRE(room.apply().accepted);
    CHECK(contains(room.received(), "remove customer globex"));
}

TEST_CASE("vpnd is told to begin anew with a connection as with a peer") {
    IpsecRoom room;
    room.write_site("acme");
    room.adopt_ike();
    REQUIRE(room.apply().accepted);
    (void)room.received();
    CHECK(room.reconciler.reset_peer(room.link, "acme", "graz").exit_status == 0);
    CHECK(room.reconciler.reset_peer(room.link, "acme", "linz").exit_status != 0);
}

TEST_CASE("an order for a connection goes to vpnd, or is refused with the reason") {
    IpsecRoom room;
    room.write_site("acme");
    room.adopt_ike();
    REQUIRE(room.apply().accepted);
    (void)room.received();
    const auto ordered = [&room](const char* customer, const char* name, ipc::ConnectionAction action) {
        return room.reconciler.operate_connection(room.link, customer, name, action);
    };
    using enum ipc::ConnectionAction;
    CHECK(ordered("acme", "graz", kRekey).exit_status == 0);
    CHECK(ordered("acme", "graz", kTerminate).exit_status == 0);
    CHECK(ordered("acme", "linz", kTerminate).summary == "customer acme has no IPsec connection linz");
    CHECK(ordered("beta", "graz", kTerminate).summary == "there is no customer beta");
    // Nobody knows where its peer is.
    const Report refused = ordered("acme", "graz", kInitiate);
    CHECK(refused.exit_status != 0);
    CHECK(refused.summary.find("remote_address") != std::string::npos);
    room.link.close();
    CHECK(ordered("acme", "graz", kRekey).exit_status != 0);
}

}  // namespace
}  // namespace warren::stacks
