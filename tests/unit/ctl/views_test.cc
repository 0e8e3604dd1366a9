// Tables and `wg show`, word for word.
#include <doctest/doctest.h>

#include "ctl/ask/zones.h"
#include "ctl/show/json_views.h"
#include "ctl/show/table.h"
#include "ctl/show/text_views.h"
#include "ctl/show/units.h"
#include "ctl/show/wg_show.h"
#include "samples.h"

using namespace warren::ctl;

TEST_CASE("the customers' table") {
    CHECK(customers_text(samples::snapshot()) ==
          "CUSTOMER  STATE      ONLINE    RECEIVED      SENT  ADDRESSES\n"
          "acme      active        1/3  120.56 KiB  5.00 GiB  10.0.0.1/24, fd00:42::1/64\n"
          "globex    suspended     0/0         0 B       0 B  10.0.0.1/24\n");
}

TEST_CASE("the peers' table, with and without the customer") {
    CHECK(peers_text(samples::snapshot(), false) ==
          "PEER         KIND       STATE   HANDSHAKE  RECEIVED      SENT  ENDPOINT             ALLOWED IPS\n"
          "laptop-eva   wireguard  never           -       0 B       0 B  -                    10.43.0.0/16, "
          "fd00:43::/64\n"
          "branch-linz  wireguard  idle         27 h       0 B     148 B  [2001:db8::1]:51820  -\n"
          "branch-graz  wireguard  online       63 s  1.20 KiB  3.40 MiB  198.51.100.77:51820  10.43.0.0/16, "
          "fd00:43::/64\n");
    CHECK(peers_text(samples::snapshot(), true).starts_with("CUSTOMER  PEER         KIND       STATE   HANDSHAKE"));
}

TEST_CASE("a link-local endpoint is shown with its device, or the device's index where no name is known") {
    Snapshot snapshot = samples::snapshot();
    CustomerStatus& acme = snapshot.customers[0];
    const auto there = warren::parse_endpoint("[fe80::7%3]:51820");
    acme.peers[0].activity.endpoint = there;
    acme.peers[0].activity.flaps_with = warren::parse_endpoint("[fe80::7%4]:51820");
    warren::ipc::RefusedSender sender;
    sender.reason = "bad_mac1";
    sender.from = *there;
    snapshot.header.refused = {sender};
    CHECK(peers_text(snapshot, false).find(" [fe80::7%3]:51820 ") != std::string::npos);
    acme.zones = {{3, "up0"}};
    snapshot.zones = {{3, "up1"}};
    CHECK(peers_text(snapshot, false).find(" [fe80::7%up0]:51820 ") != std::string::npos);
    CHECK(customer_text(acme).find("at [fe80::7%up0]:51820 and at [fe80::7%4]:51820 in turn") != std::string::npos);
    CHECK(wg_show_text(acme).find("  endpoint: [fe80::7%up0]:51820\n") != std::string::npos);
    CHECK(drops_text(snapshot).find(" [fe80::7%up1]:51820 ") != std::string::npos);
    CHECK(peers_json(snapshot).find("\"[fe80::7%up0]:51820\"") != std::string::npos);
    CHECK(drops_json(snapshot).find("\"[fe80::7%up1]:51820\"") != std::string::npos);
}

TEST_CASE("the device of an index is that of our network namespace") {
    CHECK(device_name(1) == "lo");
    CHECK(device_name(0x7fffffff).empty());
}

TEST_CASE("how many allowed IPs a snapshot left out is shown") {
    warren::ctl::Snapshot snapshot = samples::snapshot();
    auto& peer = snapshot.customers[0].peers[0];
    peer.allowed_ips_left_out = 18'000;
    CHECK(peers_text(snapshot, false).find("10.43.0.0/16, fd00:43::/64, +18000\n") != std::string::npos);
    CHECK(wg_show_text(snapshot.customers[0]).ends_with("  allowed ips: 10.43.0.0/16, fd00:43::/64 and 18000 more\n"));
    peer.settings.allowed_ips.assign(5, *warren::parse_prefix("10.43.0.0/16"));
    CHECK(peers_text(snapshot, false).find("10.43.0.0/16, 10.43.0.0/16, 10.43.0.0/16, +18002\n") != std::string::npos);
}

TEST_CASE("the status at a glance") {
    CHECK(status_text(samples::snapshot()) ==
          "appliance   pop-vienna-1\n"
          "version     0.1.0\n"
          "generation  7\n"
          "customers   2\n"
          "peers       1 of 3 online\n"
          "handshakes  3 begun, 5 completed\n"
          "encryption  ipsec-mb\n"
          "dropped     17 packets (vpnctl drops)\n"
          "\n" +
              customers_text(samples::snapshot()));
}

TEST_CASE("what needs attention stands first, each finding in a line that does not steer the terminal") {
    namespace health = warren::health;
    health::Situation situation;
    using Kind = warren::ipc::ControlText::Kind;
    situation.problems = {
        {{Kind::kDiagnostic, "acme", "/etc/warren/customers/acme.toml:2:1: error: no\033[31m\n  2 | x\n    | ^"}, {}},
        {{Kind::kIncomplete, "globex", "handoff: no device eth7 in the uplink"}, {}},
        {{Kind::kNote, "", "nothing applied"}, {}}};
    CHECK(health_text({"", {"pid 12, up 60 s", "vpnd pid 13"}, {}, {}}, health::findings_of(situation)) ==
          "stackd      pid 12, up 60 s; vpnd pid 13\n"
          "health      3 things need attention, 1 of them at once.\n"
          "attention   globex: handoff: no device eth7 in the uplink\n"
          "            /etc/warren/customers/acme.toml:2:1: error: no?[31m\n"
          "            nothing applied\n");
    situation = {};
    situation.stackd_silence = "no such file";
    CHECK(health_text({"no such file", {}, {}, {}}, health::findings_of(situation)) ==
          "health      1 thing needs attention at once.\n"
          "attention   no such file; tunnels keep running, changes wait\n");
    CHECK(health_text({"", {"pid 12"}, {}, {}, Unconfirmed{12, 250}}, {}) ==
          "stackd      pid 12\nconfirm     revision 12 comes back in 4 min 10 s; `vpnctl confirm` keeps the present "
          "one\nhealth      All is well.\n");
    CHECK(health_text({"", {"pid 12"}, {}, {}}, {}) == "stackd      pid 12\nhealth      All is well.\n");
}

TEST_CASE("a parked customer is named as others are: when none of its peers is online") {
    Snapshot snapshot = samples::snapshot();
    snapshot.customers[0].customer.activity.is_parked = true;
    CHECK(offline_text(snapshot).empty());
    snapshot.customers[0].customer.peers_online = 0;
    CHECK(offline_text(snapshot).starts_with("offline     acme: no peer is online"));
}

TEST_CASE("a customer without a peer online is named; one that is suspended or has no peers is not") {
    Snapshot snapshot = samples::snapshot();
    CHECK(offline_text(snapshot).empty());
    snapshot.customers[0].customer.peers_online = 0;
    CHECK(offline_text(snapshot) ==
          "offline     acme: no peer is online; only the status page knows whether one was before\n");
    for (const char* id : {"a", "b", "c", "d"}) {
        snapshot.customers.push_back(snapshot.customers[0]);
        snapshot.customers.back().customer.settings.id = id;
    }
    CHECK(offline_text(snapshot).starts_with("offline     acme, a, b, +2: no peer"));
    snapshot.customers[0].customer.peer_count = 0;
    CHECK(offline_text(snapshot).starts_with("offline     a, b, c, +1: no peer"));
}

TEST_CASE("one customer's status; its name does not control the terminal") {
    CHECK(customer_text(samples::snapshot().customers[1]) ==
          "customer    globex  Globex ?[31m\n"
          "state       suspended\n"
          "addresses   10.0.0.1/24  (vpn0, mtu 1380)\n"
          "listener    the customer's own, UDP port 51842, key \n"
          "peers       0 of 0 online\n"
          "received    0 B in 0 packets\n"
          "sent        0 B in 0 packets\n"
          "processor   0.000 s receiving, 0.000 s sending\n"
          "limits      up none, down none, share 1\n"
          "this month  0 B used, no quota\n"
          "dropped     0 packets\n");
    CHECK(customer_text(samples::snapshot().customers[1], warren::ipc::DisabledPeers{{"linz", "gr\x1b[31maz"}, 0})
              .find("peers       0 of 0 online\ndisabled    linz, gr?[31maz\nreceived") != std::string::npos);
    CHECK(customer_text(samples::snapshot().customers[0])
              .find("processor   0.001 s receiving, 3.500 s sending\n"
                    "limits      up 100 Mbit/s, down none, share 2\n") != std::string::npos);
    CHECK(customer_text(samples::snapshot().customers[0])
              .find("dropped     4 packets\n            4 source_not_allowed\n\nPEER") != std::string::npos);
}

TEST_CASE("connections of IPsec are shown, and said not to be served while no engine does") {
    Snapshot snapshot = samples::snapshot();
    CustomerStatus& acme = snapshot.customers[0];
    warren::ipc::ConnectionSnapshot graz;
    graz.settings.name = "graz";
    graz.settings.remote_identity = {warren::IkeIdentityType::kKeyId, false, "g\x1b"};
    const auto prefix = [](const char* text) { return *warren::parse_prefix(text); };
    graz.settings.children = {{"lan", {prefix("10.0.0.0/24")}, {prefix("10.1.0.0/16")}, {}},
                              {"voice", {prefix("10.0.0.0/24")}, {prefix("10.2.0.0/16")}, {}}};
    warren::ipc::ConnectionSnapshot people;
    people.settings.name = "people";
    people.settings.auth = warren::IpsecAuth::kEapTls;
    people.settings.pool = {prefix("10.99.0.0/24")};
    people.state = warren::ipc::ConnectionState::kDown;
    people.reason = "no proposal";
    people.sessions = 7;
    acme.connections = {{graz}, {people}};
    acme.customer.connection_count = 2;
    acme.customer.connections_unserved = 1;
    CHECK(status_text(snapshot).find("\nconnections 0 of 2 up; 1 not served: vpnctl ipsec says why\n") !=
          std::string::npos);
    const std::string text = customer_text(acme);
    CHECK(text.find("\nconnections 0 of 2 up; 1 not served") != std::string::npos);
    CHECK(
        text.ends_with("\nCONNECTION  STATE               AUTH     REMOTE IDENTITY  SESSIONS  REMOTE\n"
                       "graz        unserved            psk      key-id:hex:671b         0  10.1.0.0/16, 10.2.0.0/16\n"
                       "people      down (no proposal)  eap-tls  any                     7  10.99.0.0/24\n"));
    const std::string json = status_json(snapshot, {}, {});
    CHECK(json.find("\"connections_unserved\": 1") != std::string::npos);
    CHECK(json.find("\"state\": \"unserved\"") != std::string::npos);
    CHECK(json.find("\"reason\": \"no proposal\"") != std::string::npos);
    CHECK(status_text(samples::snapshot()).find("connections") == std::string::npos);
}

TEST_CASE("the counters' table has plain numbers") {
    CHECK(counters_text(samples::snapshot()) ==
          "CUSTOMER  RX BYTES  RX PACKETS    TX BYTES  TX PACKETS   RX CPU   TX CPU  DROPPED\n"
          "acme        123456        1000  5368709120     4000000  0.001 s  3.500 s        4\n"
          "globex           0           0           0           0  0.000 s  0.000 s        0\n");
}

TEST_CASE("with several workers the counters tell what went from one to another") {
    auto snapshot = samples::snapshot();
    const std::string alone = counters_text(snapshot);
    snapshot.header.workers = {{}};
    CHECK(counters_text(snapshot) == alone);
    snapshot.header.workers = {{7, 0, 2, 1'500'000'000}, {0, 7, 0, 20'000'000}};
    CHECK(counters_text(snapshot) == alone +
                                         "\nWORKER  HANDED OVER  TAKEN OVER  RING FULL      CPU\n"
                                         "data-0            7           0          2  1.500 s\n"
                                         "data-1            0           7          0  0.020 s\n");
}

TEST_CASE("drops are explained, unknown reasons too") {
    CHECK(
        drops_text(samples::snapshot()) ==
        "CUSTOMER  PACKETS  REASON\n"
        "(none)         12  bad_mac1\n"
        "(none)          1  from_the_future\n"
        "acme            4  source_not_allowed\n"
        "\n"
        "bad_mac1: A handshake message by somebody who does not know our public key: a scanner, or a client with the "
        "wrong server key. "
        "If a customer complains, compare the server key in its client with the one shown here; otherwise ignore it.\n"
        "from_the_future: no explanation here; newer than this vpnctl\n"
        "source_not_allowed: A packet from a peer whose source is not in its allowed_ips: the network is missing "
        "there, or it is spoofed. "
        "Add the network to the peer's allowed_ips if it belongs to the peer; otherwise find out who spoofs it.\n");
    CHECK(drops_text({}) == "nothing was dropped\n");
    warren::ctl::Snapshot with_refused = samples::snapshot();
    const warren::WallTime at{1'764'424'800'000'000'000};
    with_refused.header.refused = {
        {"unknown_peer", "", {warren::IpAddress::v4(192, 0, 2, 7), 5000, 0}, "gN65BkIK", 3, at, at, "", ""},
        {"bad_mac1", "", {*warren::parse_ip("2001:db8::7"), 5000, 0}, "", 1, at, at, "acme", "graz"}};
    const std::string text = drops_text(with_refused);
    CHECK(text.find("Refused senders, the latest first (addresses may be forged):") != std::string::npos);
    CHECK(text.find("shared") != std::string::npos);
    CHECK(text.find("2025-11-29 14:00:00Z") != std::string::npos);
    CHECK(text.find("192.0.2.7:5000") != std::string::npos);
    CHECK(text.find("gN65BkIK...") != std::string::npos);
    CHECK(text.find("[2001:db8::7]:5000") != std::string::npos);
    CHECK(text.find("acme/graz") != std::string::npos);
}

TEST_CASE("a customer in the words of wg show, the latest handshake first, never last") {
    CHECK(wg_show_text(samples::snapshot().customers[0]) ==
          "interface: acme\n"
          "  public key: TrMvSoP4jYQlY6RIzBgbssQqY3vxI2Pi+y71lOWWXX0=\n"
          "  private key: (hidden)\n"
          "  listening port: 51820\n"
          "\n"
          "peer: gN65BkIKy1eCE9pP1wdc8ROUtkHLF2PfAqYdyYBz6EA=\n"
          "  preshared key: (hidden)\n"
          "  endpoint: 198.51.100.77:51820\n"
          "  allowed ips: 10.43.0.0/16, fd00:43::/64\n"
          "  latest handshake: 1 minute, 3 seconds ago\n"
          "  transfer: 1.20 KiB received, 3.40 MiB sent\n"
          "  persistent keepalive: every 25 seconds\n"
          "\n"
          "peer: gN65BkIKy1eCE9pP1wdc8ROUtkHLF2PfAqYdyYBz6EA=\n"
          "  endpoint: [2001:db8::1]:51820\n"
          "  allowed ips: (none)\n"
          "  latest handshake: 1 day, 3 hours, 46 minutes, 40 seconds ago\n"
          "  transfer: 0 B received, 148 B sent\n"
          "\n"
          "peer: gN65BkIKy1eCE9pP1wdc8ROUtkHLF2PfAqYdyYBz6EA=\n"
          "  allowed ips: 10.43.0.0/16, fd00:43::/64\n");
}

TEST_CASE("amounts and ages as wg writes them") {
    CHECK(bytes_text(0) == "0 B");
    CHECK(bytes_text(1023) == "1023 B");
    CHECK(bytes_text(1024) == "1.00 KiB");
    CHECK(bytes_text(1024 * 1024 - 1) == "1024.00 KiB");
    CHECK(bytes_text(1024 * 1024) == "1.00 MiB");
    CHECK(bytes_text(UINT64_MAX) == "16777216.00 TiB");
    CHECK(ago_text(0) == "Now");
    CHECK(ago_text(1) == "1 second ago");
    CHECK(ago_text(3600) == "1 hour ago");
    CHECK(ago_text(2 * 365 * 24 * 3600 + 2 * 24 * 3600 + 61) == "2 years, 2 days, 1 minute, 1 second ago");
    CHECK(short_age(std::nullopt) == "-");
    CHECK(short_age(179) == "179 s");
    CHECK(short_age(180) == "3 min");
    CHECK(short_age(3 * 3600) == "3 h");
    CHECK(short_age(3 * 24 * 3600) == "3 d");
}

TEST_CASE("a table counts characters, not bytes, and leaves no blanks at the end") {
    Table table({{"NAME"}, {"N", Align::kRight}, {"LAST"}});
    table.add({"\xc3\x84\xc3\x96", "1", ""});
    table.add({"abcdef", "100", "x"});
    CHECK(table.text() == "NAME      N  LAST\n\xc3\x84\xc3\x96        1\nabcdef  100  x\n");
}
