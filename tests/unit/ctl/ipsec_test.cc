// Connections of IPsec: vpnctl ipsec and its --why, and where they stand among the peers.
#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "ctl/command.h"
#include "ctl/show/ipsec_views.h"
#include "ctl/show/json_views.h"
#include "ctl/show/text_views.h"
#include "samples.h"

using namespace warren;
using namespace warren::ctl;
using nlohmann::json;

namespace {

samples::Ran ask(const Snapshot& snapshot, std::vector<std::string> arguments) {
    const samples::FakeDaemon daemon("snapshot.sock",
                                     [&](ipc::Channel& channel) { samples::serve_snapshot(snapshot, channel); });
    arguments.insert(arguments.begin(), {"--run-dir", daemon.run_dir(), "ipsec"});
    return samples::vpnctl(arguments);
}

}  // namespace

TEST_CASE("the table of connections has a line for each IKE SA, and says why one is down") {
    CHECK(
        ipsec_text(samples::snapshot_with_ipsec()) ==
        "CUSTOMER  CONNECTION  STATE  IDENTITY           ENDPOINT          NAT   SUITE                       CHILDREN  "
        "RECEIVED      SENT  REKEY\n"
        "acme      graz        up     graz@acme.example  203.0.113.2:4500  peer  aes128gcm-prfsha256-x25519         2  "
        "2.00 KiB  4.00 KiB    3 h\n"
        "acme      linz        down   linz.acme.example  -                 -     -                                  0  "
        "     0 B       0 B      -\n"
        "\n"
        "acme/linz: 203.0.113.9 says it is linz?[31m\n"
        "More: vpnctl ipsec CUSTOMER CONNECTION --why\n");
    CHECK(ipsec_text(samples::snapshot()) == "no customer has a connection of IPsec\n");
}

TEST_CASE("a customer's connections are shown with their SAs") {
    CHECK(
        connections_text(samples::snapshot_with_ipsec().customers[0]) ==
        "connection  acme/graz\n"
        "state       up\n"
        "expects     graz@acme.example, psk, at 203.0.113.2\n"
        "received    2.00 KiB\n"
        "sent        4.00 KiB\n"
        "\n"
        "IKE SA      0123456789abcdef_i 0000000000000001_r, established as responder, 12 min ago\n"
        "identities  acme.vpn.example.net (ours), graz@acme.example\n"
        "endpoint    203.0.113.2:4500, behind NAT: peer, heard 3 s ago\n"
        "suite       aes128gcm-prfsha256-x25519, rekey in 3 h\n"
        "CHILD  LOCAL        REMOTE                                     SPI IN    SPI OUT   SUITE      RECEIVED      "
        "SENT     AGE     REKEY\n"
        "lan    10.0.0.0/24  10.0.1.0/24                                00c0ffee  00000002  aes128gcm  2.00 KiB  4.00 "
        "KiB  10 min    50 min\n"
        "lan    10.0.0.0/24  10.0.1.0/24, 10.0.2.0/24, 10.0.3.0/24, +1  00000004  00000005  aes128gcm  2.00 KiB  4.00 "
        "KiB  12 min  replaced\n"
        "\n"
        "\n"
        "connection  acme/linz\n"
        "state       down\n"
        "reason      203.0.113.9 says it is linz?[31m\n"
        "again       in 40 s\n"
        "expects     linz.acme.example, psk\n"
        "received    0 B\n"
        "sent        0 B\n");
    CHECK(connections_text(samples::snapshot_with_ipsec().customers[1]) == "globex has no connection of IPsec\n");
}

TEST_CASE("who is behind a NAT is said in one word") {
    Snapshot snapshot = samples::snapshot_with_ipsec();
    ipc::IkeSaSnapshot& sa = snapshot.customers[0].connections[0].ike_sas[0].ike_sa;
    const auto nat = [&](bool peer, bool us) {
        sa.peer_is_behind_nat = peer;
        sa.we_are_behind_nat = us;
        return json::parse(ipsec_json(snapshot))["connections"][0]["ike_sas"][0]["nat"];
    };
    CHECK(nat(false, false) == "none");
    CHECK(nat(true, false) == "peer");
    CHECK(nat(false, true) == "us");
    CHECK(nat(true, true) == "both");
}

TEST_CASE("what children have counted together is said so, and is counted once") {
    Snapshot snapshot = samples::snapshot_with_ipsec();
    auto& children = snapshot.customers[0].connections[0].ike_sas[0].children;
    children[1].is_replaced = false;
    CHECK(ipsec_text(snapshot).find("4.00 KiB  8.00 KiB") != std::string::npos);
    for (ipc::ChildSnapshot& child : children) child.shares_counters = true;
    CHECK(ipsec_text(snapshot).find("2.00 KiB  4.00 KiB") != std::string::npos);
    const std::string text = connections_text(snapshot.customers[0]);
    const std::string line = "received and sent: of all children whose networks overlap, together\n";
    CHECK(text.find(line) != std::string::npos);
    CHECK(text.find(line) == text.rfind(line));
}

TEST_CASE("the document of connections has the keys that programs were promised") {
    const json document = json::parse(ipsec_json(samples::snapshot_with_ipsec()));
    REQUIRE(document["connections"].size() == 2);
    const json& graz = document["connections"][0];
    CHECK(graz["customer"] == "acme");
    CHECK(graz["name"] == "graz");
    CHECK(graz["state"] == "up");
    CHECK(graz["reason"].is_null());
    CHECK(graz["rx_bytes"] == 2048);
    REQUIRE(graz["ike_sas"].size() == 1);
    json sa = graz["ike_sas"][0];
    REQUIRE(sa["children"].size() == 2);
    CHECK(sa["children"][0] == json{{"name", "lan"},
                                    {"local", {"10.0.0.0/24"}},
                                    {"remote", {"10.0.1.0/24"}},
                                    {"spi_in", "00c0ffee"},
                                    {"spi_out", "00000002"},
                                    {"suite", "aes128gcm"},
                                    {"rx_bytes", 2048},
                                    {"tx_bytes", 4096},
                                    {"shares_counters", false},
                                    {"age_seconds", 600},
                                    {"rekey_seconds", 3000},
                                    {"expiry_seconds", 3300},
                                    {"replaced", false}});
    CHECK(sa["children"][1]["remote"].size() == 4);
    CHECK(sa["children"][1]["rekey_seconds"].is_null());
    CHECK(sa["children"][1]["replaced"] == true);
    sa.erase("children");
    CHECK(sa == json{{"initiator_spi", "0123456789abcdef"},
                     {"responder_spi", "0000000000000001"},
                     {"initiator", false},
                     {"established", true},
                     {"local_identity", "acme.vpn.example.net"},
                     {"remote_identity", "graz@acme.example"},
                     {"endpoint", "203.0.113.2:4500"},
                     {"local_endpoint", "198.51.100.1:4500"},
                     {"nat", "peer"},
                     {"suite", "aes128gcm-prfsha256-x25519"},
                     {"age_seconds", 720},
                     {"heard_seconds", 3},
                     {"rekey_seconds", 13'000},
                     {"expiry_seconds", 15'000}});
    const json& linz = document["connections"][1];
    CHECK(linz["state"] == "down");
    CHECK(linz["reason"] == "203.0.113.9 says it is linz\x1b[31m");
    CHECK(linz["next_attempt_seconds"] == 40);
    CHECK(linz["ike_sas"] == json::array());
}

TEST_CASE("until when a customer's certificates are valid is told, and of one that ended that it did") {
    const WallTime now{1'796'000'000'000'000'000};
    const std::vector<ipc::CertificateFact> ends{
        {"ipsec.certificate", "acme/hub\x1b[31m.pem",
         WallTime{now.nanoseconds + std::int64_t{864'001} * 1'000'000'000}},
        {"ipsec.ca[0]", "acme/ca.pem", WallTime{now.nanoseconds - 1'000'000'000}}};
    const std::string text = certificates_text(ends, now);
    CHECK(text.find("ipsec.certificate (acme/hub") == 0);
    CHECK(text.find('\x1b') == std::string::npos);
    CHECK(text.find("in 10 days\n") != std::string::npos);
    CHECK(text.find("ipsec.ca[0] (acme/ca.pem): ended 2026-") != std::string::npos);
    CHECK(certificates_text({}, now).empty());
    const json document = json::parse(ipsec_json(samples::snapshot_with_ipsec(), ends));
    CHECK(document["certificates"][1]["field"] == "ipsec.ca[0]");
    CHECK(json::parse(ipsec_json(samples::snapshot_with_ipsec()))["certificates"] == json::array());
}

TEST_CASE("connections stand among the peers and are counted there") {
    const Snapshot snapshot = samples::snapshot_with_ipsec();
    const json peers = json::parse(peers_json(snapshot))["peers"];
    REQUIRE(peers.size() == 5);
    CHECK(peers[0]["kind"] == "wireguard");
    CHECK(peers[3]["kind"] == "ipsec");
    CHECK(peers[3]["customer"] == "acme");
    CHECK(peers[3]["name"] == "graz");
    CHECK(peers[3]["state"] == "online");
    CHECK(peers[3]["endpoint"] == "203.0.113.2:4500");
    CHECK(peers[3]["latest_handshake_seconds"] == 720);
    CHECK(peers[3]["rx_bytes"] == 2048);
    CHECK(peers[3]["tx_bytes"] == 4096);
    CHECK(peers[3]["allowed_ips"] == json({"10.0.1.0/24"}));
    CHECK(peers[4]["state"] == "never");
    Snapshot before = snapshot;
    before.customers[0].connections[1].connection.latest_handshake_seconds = 1;
    CHECK(json::parse(peers_json(before))["peers"][4]["state"] == "idle");

    const json acme = json::parse(status_json(snapshot, {}, {}))["customers"][0];
    CHECK(acme["peer_count"] == 5);
    CHECK(acme["peers_online"] == 2);
    CHECK(acme["peers"].size() == 5);
    CHECK(acme["connections"][0]["endpoint"] == "203.0.113.2:4500");
    CHECK(json::parse(wg_json(snapshot.customers[0]))["peers"].size() == 3);

    CHECK(peers_text(snapshot, true)
              .find("acme      graz         ipsec      online     12 min  2.00 KiB  4.00 KiB  "
                    "203.0.113.2:4500     10.0.1.0/24\n") != std::string::npos);
    CHECK(customers_text(snapshot).find("acme      active        2/5") != std::string::npos);
    CHECK(status_text(snapshot).find("\npeers       2 of 5 online\nconnections 1 of 2 up\n") != std::string::npos);
    CHECK(customer_text(snapshot.customers[0]).find("\npeers       2 of 5 online\n") != std::string::npos);
    Snapshot alone = snapshot;  // whose only tunnels are connections
    alone.customers[0].peers.clear();
    alone.customers[0].customer.peer_count = alone.customers[0].customer.peers_online = 0;
    CHECK(offline_text(alone).empty());
    CHECK(customer_text(alone.customers[0]).find("\ngraz  ipsec") != std::string::npos);
    alone.customers[0].customer.connections_up = 0;
    CHECK(offline_text(alone).starts_with("offline     acme: no peer is online"));
}

TEST_CASE("attempts are told with their sentence and what both sides wanted, the latest last") {
    CHECK(attempts_text(samples::attempts("acme")) ==
          "2025-11-29 14:00:00Z  graz  from 203.0.113.2:4500  ike_auth_failed\n"
          "    203.0.113.2 says it is graz@acme.example; its preshared key is not that of graz\n"
          "    wanted    acme.vpn.example.net\n"
          "    offered   aes128gcm\n"
          "    accepted  aes256gcm\n"
          "2025-11-29 14:00:00Z  graz  to 203.0.113.2:4500  up\n"
          "    the connection is up\n"
          "Attempts that found no connection: vpnctl ipsec --why\n");
    CHECK(attempts_text(samples::attempts("")) ==
          "2025-11-29 14:00:00Z  from 203.0.113.2:4500  ike_unknown_identity\n"
          "    it asks for nobody\n"
          "    wanted    nobody\n");
    CHECK(attempts_text({"", "", {}}) == "no attempt without a connection is known\n");
    CHECK(attempts_text({"acme", "graz", {}}) ==
          "no attempt is known\nAttempts that found no connection: vpnctl ipsec --why\n");

    const json document = json::parse(attempts_json(samples::attempts("acme")))["attempts"];
    REQUIRE(document.size() == 2);
    CHECK(document[0] ==
          json{{"customer", "acme"},
               {"connection", "graz"},
               {"at", "2025-11-29T14:00:00Z"},
               {"endpoint", "203.0.113.2:4500"},
               {"initiator", false},
               {"failure", "ike_auth_failed"},
               {"remote_identity", "graz@acme.example"},
               {"asked_identity", "acme.vpn.example.net"},
               {"offered", "aes128gcm"},
               {"accepted", "aes256gcm"},
               {"sentence", "203.0.113.2 says it is graz@acme.example; its preshared key is not that of graz"}});
    CHECK(document[1]["failure"].is_null());
    const json stranger = json::parse(attempts_json(samples::attempts("")))["attempts"][0];
    for (const char* key : {"customer", "connection", "remote_identity"}) CHECK(stranger[key].is_null());
}

TEST_CASE("--why says of a connection that is not served why it is not") {
    Snapshot snapshot = samples::snapshot_with_ipsec();
    ipc::ConnectionSnapshot& linz = snapshot.customers[0].connections[1].connection;
    linz.state = ipc::ConnectionState::kUnserved;
    linz.reason = "this version authenticates by preshared key only";
    const std::string line = "acme/linz is not served: this version authenticates by preshared key only\n";
    CHECK(ask(snapshot, {"acme", "linz", "--why"}).out.starts_with(line));
    CHECK(attempts_text({"acme", "linz", {}, {}, {{"linz", linz.reason}}}) == line);
    CHECK(ask(snapshot, {"acme", "graz", "--why"}).out.find("not served") == std::string::npos);
    const json unserved = json::parse(ask(snapshot, {"acme", "--why", "--json"}).out)["unserved"];
    CHECK(unserved == json::array({{{"connection", "linz"}, {"reason", linz.reason}}}));
    CHECK(ask(snapshot, {"acme", "linz"}).out.find("state       unserved\nreason      " + linz.reason + "\n") !=
          std::string::npos);
    const auto ordered = ask(snapshot, {"acme", "linz", "initiate"});
    CHECK(ordered.status == kFailed);
    CHECK(ordered.err == "vpnctl: connection linz of acme is not served: " + linz.reason + "\n");
    linz.reason.clear();  // vpnd does not say
    CHECK(ask(snapshot, {"acme", "linz", "--why"})
              .out.starts_with("acme/linz is not served: see connections_not_served in the log\n"));
}

TEST_CASE("what a stranger says neither controls the terminal nor fills it") {
    Attempts attempts = samples::attempts("");
    ipc::AttemptSnapshot& one = attempts.attempts[0];
    for (std::string* text : {&one.asked_identity, &one.offered, &one.accepted, &one.sentence, &one.failure})
        *text = "\x1b[31m\n\x7f\xff" + std::string(50'000, 'x');
    one.failure.resize(8);
    const std::string shown = attempts_text(attempts);
    CHECK(std::none_of(shown.begin(), shown.end(), [](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return (byte < 32 && c != '\n') || byte > 126;
    }));
    CHECK(std::count(shown.begin(), shown.end(), '\n') == 5);
    CHECK(shown.size() < 2'500);
    CHECK(json::accept(attempts_json(attempts)));
}

TEST_CASE("vpnctl ipsec shows all connections, a customer's, or one") {
    const Snapshot snapshot = samples::snapshot_with_ipsec();
    Snapshot graz = snapshot;
    graz.customers[0].connections.pop_back();
    CHECK(ask(snapshot, {}).out == ipsec_text(snapshot));
    CHECK(ask(snapshot, {"acme"}).out == connections_text(snapshot.customers[0]));
    CHECK(ask(snapshot, {"acme", "graz"}).out == connections_text(graz.customers[0]));
    CHECK(ask(snapshot, {"globex"}).status == kDone);
    CHECK(ask(snapshot, {"--json"}).out == ipsec_json(snapshot));
    CHECK(ask(snapshot, {"acme", "graz", "--json"}).out == ipsec_json(graz));
    CHECK(ask(snapshot, {"--why"}).out == attempts_text(samples::attempts("")));
    CHECK(ask(snapshot, {"acme", "graz", "--why"}).out == attempts_text(samples::attempts("acme")));
    CHECK(ask(snapshot, {"acme", "graz", "--why", "--json"}).out == attempts_json(samples::attempts("acme")));
}

TEST_CASE("vpnctl ipsec says what is not there") {
    const Snapshot snapshot = samples::snapshot_with_ipsec();
    for (const char* why : {"--json", "--why"}) {
        const auto customer = ask(snapshot, {"acmee", why});
        CHECK(customer.status == kFailed);
        CHECK(customer.out.empty());
        CHECK(customer.err == "vpnctl: no customer acmee is served; vpnctl customers lists those that are\n");
        const auto connection = ask(snapshot, {"acme", "grz", why});
        CHECK(connection.status == kFailed);
        CHECK(connection.out.empty());
        CHECK(connection.err ==
              "vpnctl: no connection grz of acme is served; vpnctl ipsec acme lists those that are\n");
        const auto none = ask(samples::snapshot(), {why});
        CHECK(none.status == kFailed);
        CHECK(none.err == "vpnctl: this appliance has no IPsec: warren.toml in force has no [ipsec]\n");
    }
    CHECK(samples::vpnctl({"--run-dir", "/nonexistent", "ipsec"}).status == kUnreachable);
    CHECK(ask(snapshot, {"acme", "graz", "rekey", "x"}).status == kUsage);
}

TEST_CASE("an order goes to stackd where it has an effect, else it is refused with the reason") {
    Snapshot snapshot = samples::snapshot_with_ipsec();
    std::vector<ipc::ControlRequest> asked;
    const samples::FakeDaemon vpnd("snapshot.sock",
                                   [&](ipc::Channel& channel) { samples::serve_snapshot(snapshot, channel); });
    const samples::FakeDaemon stackd("control.sock", [&](ipc::Channel& channel) {
        std::vector<std::uint8_t> space(1024);
        const auto received = channel.receive(space);
        const auto message = ipc::decode_control(Bytes(space).first(received ? received->size : 0));
        if (message) asked.push_back(std::get<ipc::ControlRequest>(*message));
        samples::send(channel, ipc::ControlMessage(ipc::ControlDone{0, 1, "asked"}));
    });
    std::filesystem::create_symlink(stackd.run_dir() + "/control.sock", vpnd.run_dir() + "/control.sock");
    const auto order = [&](const std::string& name, const std::string& verb) {
        return samples::vpnctl({"--run-dir", vpnd.run_dir(), "ipsec", "acme", name, verb});
    };
    const auto refused = [&](const std::string& name, const std::string& verb) {
        const auto ran = order(name, verb);
        CHECK(ran.status == kFailed);
        return ran.err;
    };
    for (const char* verb : {"rekey", "terminate"}) CHECK(order("graz", verb).out == "asked\n");
    CHECK(order("linz", "initiate").out == "asked\n");
    REQUIRE(asked.size() == 3);
    for (const ipc::ControlRequest& request : asked) {
        CHECK(request.verb == ipc::ControlVerb::kOperateConnection);
        CHECK(request.customer == "acme");
    }
    CHECK(asked[0].peer == "graz");
    CHECK(asked[0].action == ipc::ConnectionAction::kRekey);
    CHECK(asked[1].action == ipc::ConnectionAction::kTerminate);
    CHECK(asked[2].peer == "linz");
    CHECK(asked[2].action == ipc::ConnectionAction::kInitiate);

    CHECK(refused("graz", "initiate") == "vpnctl: connection graz of acme has an IKE SA already\n");
    CHECK(refused("linz", "rekey") == "vpnctl: connection linz of acme has no IKE SA to rekey\n");
    CHECK(refused("linz", "terminate") == "vpnctl: connection linz of acme has no IKE SA to terminate\n");
    CHECK(refused("grz", "rekey") ==
          "vpnctl: no connection grz of acme is served; vpnctl ipsec acme lists those that are\n");
    snapshot.customers[0].connections[0].ike_sas[0].ike_sa.is_established = false;
    CHECK(refused("graz", "rekey") == "vpnctl: connection graz of acme has no IKE SA to rekey\n");
    const auto wrong = order("graz", "restart");
    CHECK(wrong.status == kUsage);
    CHECK(wrong.err == "vpnctl: ipsec CUSTOMER CONNECTION: use initiate, rekey, terminate, without --why\n");
    CHECK(samples::vpnctl({"--run-dir", vpnd.run_dir(), "ipsec", "acme", "graz", "rekey", "--why"}).status == kUsage);
    CHECK(asked.size() == 3);
}

TEST_CASE("an IKE SA or a child that belongs to nothing is refused") {
    const Snapshot snapshot = samples::snapshot_with_ipsec();
    const ConnectionStatus& graz = snapshot.customers[0].connections[0];
    const std::vector<ipc::SnapshotMessage> cases[] = {
        {graz.ike_sas[0].ike_sa},
        {snapshot.customers[0].customer, graz.ike_sas[0].ike_sa},
        {snapshot.customers[0].customer, graz.connection, graz.ike_sas[0].children[0]},
    };
    for (const auto& messages : cases) {
        const samples::FakeDaemon daemon("snapshot.sock", [&](ipc::Channel& channel) {
            samples::ignore_request(channel);
            samples::send(channel, ipc::SnapshotMessage(snapshot.header));
            for (const auto& message : messages) samples::send(channel, message);
            samples::send(channel, ipc::SnapshotMessage(ipc::SnapshotEnd{}));
        });
        const auto ran = samples::vpnctl({"--run-dir", daemon.run_dir(), "ipsec"});
        CHECK(ran.status == kFailed);
        CHECK(ran.err == "vpnctl: vpnd sent its messages in an invalid order\n");
    }
}
