// Every message comes back from the wire as it went in; whatever is cut, grown or out of range is refused.
#include <doctest/doctest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <random>
#include <string>

#include "crypto/secret.h"
#include "ipc/alert_messages.h"
#include "ipc/alert_questions.h"
#include "ipc/channel.h"
#include "ipc/codec.h"
#include "ipc/config_messages.h"
#include "ipc/control_messages.h"
#include "ipc/snapshot.h"
#include "ipc/web_messages.h"
#include "ipc/web_stacks.h"
#include "tests/unit/ipc/wires.h"

using namespace warren;
using namespace warren::ipc;
using namespace warren::test;

namespace {

crypto::Secret<32> secret_of(std::uint8_t seed) {
    std::array<std::uint8_t, 32> bytes{};
    for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::uint8_t>(seed + i);
    return crypto::Secret<32>(bytes);
}

PutPeer full_peer() {
    PutPeer peer;
    peer.settings.name = "branch-graz";
    peer.settings.listener = {"acme"};
    WireguardPeer tunnel;
    tunnel.public_key.bytes.fill(7);
    tunnel.preshared_key.secret = secret_of(9);
    tunnel.persistent_keepalive_seconds = 25;
    tunnel.next_public_key.emplace().bytes.fill(8);
    peer.tunnel = std::move(tunnel);
    peer.settings.allowed_ips = {*parse_prefix("10.43.0.0/16"), *parse_prefix("fd00:43::/64"),
                                 *parse_prefix("0.0.0.0/0")};
    peer.settings.endpoint = Endpoint{*parse_ip("fe80::1"), 51820, 3};
    peer.settings.expires = WallTime{1'800'000'000'000'000'000};
    peer.settings.maps = {{*parse_prefix("10.0.1.0/24"), *parse_prefix("10.43.1.0/24")}};
    peer.prefixes_follow = 70'000;
    peer.same_prefixes = true;
    return peer;
}

CustomerSettings full_customer() {
    return {"acme",
            "Acme \"GmbH\"\n",
            true,
            1380,
            {*parse_prefix("10.0.0.1/24"), *parse_prefix("fd00:42::1/64")},
            1'000'000'000'000,
            64'000,
            100};
}

std::vector<DescriptorRole> some_roles() {
    return {{SocketRole::kMessages, Family::kV6},
            {SocketRole::kData, Family::kV4, 7},
            {SocketRole::kControl},
            {SocketRole::kSolicited, Family::kV4, 0, 1}};
}

IpsecCustomer full_ipsec() {
    return {{IkeIdentityType::kFqdn, false, "acme.vpn.example.net"},
            {*parse_ip("198.51.100.7"), *parse_ip("2001:db8::7")},
            7,
            UINT64_MAX,
            {"acme.example", "ACME"},
            {*parse_ip("10.0.0.53")},
            {"corp.acme.example"}};
}

ConnectionSettings full_connection() {
    ConnectionSettings out;
    out.name = "branch-graz";
    out.auth = IpsecAuth::kEapTls;
    out.remote_identity = {IkeIdentityType::kKeyId, false, std::string("\0\xff", 2)};
    out.local_identity = IkeIdentity{IkeIdentityType::kEmail, true, "*@acme.example"};
    out.remote_address = parse_ip("203.0.113.2");
    out.start = IpsecStart::kAlways;
    out.pool = {*parse_prefix("10.99.0.0/24"), *parse_prefix("fd00:99::/112")};
    out.children = {{"lan", {*parse_prefix("10.0.0.0/24")}, {*parse_prefix("0.0.0.0/0")}, {*parse_prefix("fd00::/64")}},
                    {"voice", {*parse_prefix("::/0")}, {}, {}}};
    out.ike = {{{1, 20, 256}, {2, 6, 0}, {4, 31, 0}}, {{1, 12, 256}, {2, 5, 0}, {3, 12, 0}, {4, 14, 0}}};
    out.esp = {{{1, 20, 128}}};
    out.pfs = IpsecUse::kRequired;
    out.ike_rekey_seconds = 14'400;
    out.child_rekey_seconds = 3'600;
    out.child_bytes = 64'000'000'000;
    out.reauth_seconds = 43'200;
    out.dpd_seconds = 30;
    out.mobike = false;
    out.fragmentation = false;
    out.fragment_size = 1400;
    out.encapsulation = IpsecEncapsulation::kAuto;
    out.replay_window = 64;
    out.esn = IpsecUse::kOff;
    out.split = true;
    out.copy_dscp = true;
    out.ppk_identity = "graz-2026";
    out.ppk_required = true;
    out.max_sessions = 200;
    return out;
}

PutConnection full_put_connection() {
    return {full_connection(), 7, UINT64_MAX, 8, 3};
}

PutListener full_listener() {
    return {{"acme"},
            Protocol::kTcp,
            51842,
            WireguardListener{crypto::PrivateKey{secret_of(1)}, crypto::PrivateKey{secret_of(2)}},
            some_roles()};
}

std::vector<ConfigMessage> every_config_message() {
    std::vector<ConfigMessage> out;
    out.emplace_back(Hello{"pop-vienna-1", "0.1.0", 3, LogLevel::kError});
    out.emplace_back(HoldingListener{{"acme"}, Protocol::kTcp, 51842, some_roles()});
    out.emplace_back(HoldingCustomer{"acme"});
    out.emplace_back(HoldingEnd{41, 4});
    out.emplace_back(Begin{42, true});
    out.emplace_back(full_listener());
    out.emplace_back(PutCustomer{full_customer(), 4'000'000'000, false, 3, 5, full_ipsec()});
    out.emplace_back(full_peer());
    out.emplace_back(RemoveCustomer{"acme"});
    out.emplace_back(RemoveListener{{"acme"}});
    out.emplace_back(Commit{UINT64_MAX});
    out.emplace_back(Applied{42});
    out.emplace_back(Rejected{42, "no such listener"});
    out.emplace_back(SetLogLevel{LogLevel::kDebug});
    out.emplace_back(ResetPeer{"acme", "laptop"});
    out.emplace_back(RenameCustomer{"acme", "acme-graz"});
    out.emplace_back(PutPrefixes{{*parse_prefix("10.44.0.0/16"), *parse_prefix("fd00:44::/64")}});
    out.emplace_back(full_put_connection());
    out.emplace_back(OperateConnection{"acme", "graz", ConnectionAction::kTerminate});
    out.emplace_back(PutAuthChannel{});
    out.emplace_back(PutUsageFile{202611});
    out.emplace_back(StartCapture{"acme", "graz"});
    out.emplace_back(PutTunnel{"acme"});
    out.emplace_back(NeedTunnel{"acme"});
    out.emplace_back(LeftTunnel{"acme", 7, 3});
    return out;
}

std::vector<SnapshotMessage> every_snapshot_message() {
    return {
        SnapshotRequest{"acme", false, 7, 8, true},
        SnapshotHeader{
            "pop",
            "0.1.0",
            3,
            2,
            {{"bad mac1", 5}},
            "ipsec-mb",
            true,
            10,
            9,
            11,
            12,
            false,
            {{1, 2, 3, 4}, {4, 5, 6, 7}},
            13,
            14,
            {{"unknown_peer", "acme", {IpAddress::v4(192, 0, 2, 7), 5000, 0}, "gN65BkIK", 3, {5}, {6}, "acme", "graz"}},
            true,
            15,
            16,
            17},
        CustomerSnapshot{full_customer(),
                         {{{"acme"}, Protocol::kUdp, 51820, "key=", "before="}},
                         {3, 4, 5, 6, 7, 8, {{"x", 1}}},
                         2,
                         1,
                         false,
                         5,
                         3,
                         1,
                         4,
                         WallTime{77},
                         "graz"},
        PeerSnapshot{full_peer().settings,
                     ShownWireguardPeer{"key=", true, 25, "next="},
                     {*parse_endpoint("198.51.100.77:51820"),
                      WallTime{-5},
                      1,
                      2,
                      true,
                      "silent",
                      3,
                      4,
                      5,
                      parse_endpoint("198.51.100.78:51820"),
                      true,
                      true,
                      true,
                      {23, 24, true},
                      WallTime{25},
                      {WallTime{20}, WallTime{21}},
                      22,
                      parse_ip("10.9.9.9")},
                     17,
                     PeerState::kExpired,
                     18,
                     19,
                     23,
                     24},
        SnapshotEnd{},
        SnapshotError{"no such customer"},
        ConnectionSnapshot{full_connection(), ConnectionState::kDown, "AUTHENTICATION_FAILED", 3,
                           ConnectionActivity{parse_endpoint("203.0.113.2:4500"), WallTime{-5}, 1, 2, "silent", 3, 4,
                                              "ike_auth_failed"},
                           17, 18},
        IkeSaSnapshot{1, UINT64_MAX, true, true, "acme.vpn.example.net", "graz@acme.example",
                      *parse_endpoint("203.0.113.2:4500"), *parse_endpoint("[2001:db8::1]:500"), true, true,
                      "aes128gcm-prfsha256-x25519", 19, 20, 21, 22},
        ChildSnapshot{"lan",
                      {"10.0.0.0/24", "10.9.0.1-10.9.0.7/udp/53"},
                      {"fd00::/64"},
                      0xc0ffee01,
                      UINT32_MAX,
                      "aes128gcm",
                      1,
                      2,
                      3,
                      4,
                      5,
                      true,
                      true},
        AttemptsRequest{"acme", "graz"},
        AttemptSnapshot{"graz", WallTime{-5}, *parse_endpoint("203.0.113.2:4500"), true, "ike_auth_failed",
                        "graz@acme.example", "acme.vpn.example.net", "aes128gcm", "aes256gcm", "x says it is y"}};
}

std::vector<ControlMessage> every_control_message() {
    // The last verb, which is the one that a reader may refuse.
    return {ControlRequest{ControlVerb::kWake,
                           LogLevel::kDebug,
                           "acme",
                           "laptop",
                           ConnectionAction::kRekey,
                           300,
                           "globex",
                           "new site",
                           "ada",
                           7,
                           12,
                           13,
                           {*parse_ip("192.0.2.7"), *parse_ip("2001:db8::7")}},
            ControlText{ControlText::Kind::kStep, "acme", "create namespace warren-acme"},
            ControlDone{4, 12, "refused"}};
}

AlertTarget target() {
    return {"webhook", "https://a.example", true, "HTTP 200", 1, 2, 3, WallTime{4}, "told"};
}

WebLooked every_web_looked() {
    WebLooked out;
    out.id = 3;
    out.outcome = WebLookOutcome::kSeen;
    out.text = "why";
    out.has_firewall = true;
    out.lacks_firewall = true;
    out.rules = {{"shop", true, "accept", 7, 700, 5}};
    out.more_rules = 2;
    out.connections = 12;
    out.max_connections = 100;
    out.refused_packets = 3;
    out.services = {{"dns", "unbound", "refused", WallTime{5}, 2, "line 3"}};
    out.lan = WebLan{true, true, true, 1500, {{*parse_ip("10.42.0.10"), "52:54:00:12:ab:ff", true}}, 4};
    out.certificates = {{"ipsec.certificate", "acme/gateway.pem", WallTime{5}}};
    return out;
}

std::vector<WebMessage> every_web_message() {
    return {WebListener{"127.0.0.1:8443"},
            WebSnapshots{},
            WebUsers{"no"},
            WebCertificate{"pop-1"},
            WebAsks{},
            WebLogLevel{LogLevel::kWarn},
            WebProblems{{{ControlText::Kind::kUnserved, "acme", "acme.toml:1:1: error: x"}}, 3},
            WebStacks{},
            WebRenames{7, {{"acme", "initech"}, {"globex", "acme"}}, true},
            WebChanging{true, 12, WallTime{5}, true},
            WebUnlock{1, "ada", "password"},
            WebUnlocked{1, WebVerdict::kLocked, "wrong", "ticket"},
            WebChange{2, "ticket", WebAction::kAddDevice, "acme", "phone", "of Ada", "key", 12},
            WebChanged{2, WebVerdict::kInvalid, "no", "[Interface]"},
            WebPast{"no"},
            WebPastBroken{"file is not a database"},
            WebAskers{},
            WebRevisions{"no"},
            WebLook{3, "acme"},
            every_web_looked(),
            WebAlerts{true, true, 2, {target()}}};
}

std::vector<AlertMessage> every_alert_message() {
    std::vector<AlertMessage> out;
    out.emplace_back(AlertLogLevel{LogLevel::kWarn});
    const crypto::SecretBuffer key(as_bytes(std::string_view("key")));
    out.emplace_back(AlertSettings{"pop-1",
                                   600,
                                   60,
                                   "https://a.example/",
                                   key.clone(),
                                   "log.example:514",
                                   true,
                                   "mail.example:25",
                                   true,
                                   "ada",
                                   key.clone(),
                                   "w@a.example",
                                   {"n@a.example"}});
    out.emplace_back(AlertStateFile{"no"});
    out.emplace_back(AlertAskers{});
    out.emplace_back(AlertAsks{});
    out.emplace_back(AlertSnapshots{});
    out.emplace_back(AlertFacts{{{ControlText::Kind::kUnserved, "acme", "x"}},
                                3,
                                {{"authd", "it ended"}},
                                12,
                                WallTime{5},
                                {{WallTime{6}, "reload_refused", "no"}},
                                "0.3.0"});
    out.emplace_back(AlertCertificates{});
    out.emplace_back(AlertAlive{2, {target()}});
    return out;
}

std::vector<AlertTalk> every_alert_talk() {
    return {AlertQuestion{true},
            AlertAnswer{
                {{WallTime{5}, "peer_down", "acme", "graz", "x"}}, 2, {{"mail", "a:25", true, "ok", 1, 2, 3}}, "no"}};
}

}  // namespace

TEST_CASE("every message survives the wire") {
    check_round_trip(every_config_message(), decode);
    check_round_trip(every_snapshot_message(), decode_snapshot);
    check_round_trip(every_control_message(), decode_control);
    check_round_trip(every_web_message(), decode_web);
    check_round_trip(every_alert_message(), decode_alert);
    check_round_trip(every_alert_talk(), decode_alert_talk);
}

TEST_CASE("the fuzzers' corpora are the messages of today") {
    check_corpus(WARREN_CORPUS, "ipc_config", every_config_message());
    check_corpus(WARREN_CORPUS, "ipc_snapshot", every_snapshot_message());
    check_corpus(WARREN_CORPUS, "ipc_control", every_control_message());
}

TEST_CASE("a peer's fields arrive as they were sent") {
    const auto decoded = decode(wire_of(ConfigMessage(full_peer())));
    REQUIRE(decoded);
    CHECK(std::get<PutPeer>(*decoded) == full_peer());
}

TEST_CASE("a connection's fields arrive as they were sent, and IKE's listener's") {
    const auto decoded = decode(wire_of(ConfigMessage(full_put_connection())));
    REQUIRE(decoded);
    CHECK(std::get<PutConnection>(*decoded) == full_put_connection());
    IkeListener ike{IpsecEncapsulation::kAuto, true, IkeGateway{{IkeIdentityType::kFqdn, false, "vpn.example.net"}, 9}};
    const auto listener =
        decode(wire_of(ConfigMessage(PutListener{{"", ListenerKind::kIke}, Protocol::kUdp, 4500, ike, some_roles()})));
    REQUIRE(listener);
    CHECK(std::get<PutListener>(*listener).settings == ListenerSettings(ike));
    CHECK(std::get<PutListener>(*listener).roles == some_roles());
}

TEST_CASE("the largest connection fits into a message, and is sound; a larger one is not") {
    const std::vector<Prefix> selectors(IpsecChild::kMostSelectors, *parse_prefix("fd00::/64"));
    const std::vector<Prefix> routes(IpsecChild::kMostRoutes, *parse_prefix("fd00::/64"));
    PutConnection put = full_put_connection();
    put.settings.pool.clear();
    put.settings.children.assign(ConnectionSettings::kMostChildren,
                                 {std::string(63, 'x'), selectors, selectors, routes});
    const IkeProposal proposal{{1, 12, 256}, {2, 5, 0}, {3, 12, 0}, {4, 14, 0}};
    put.settings.ike.assign(ConnectionSettings::kMostProposals, proposal);
    put.settings.esp = put.settings.ike;
    const auto changed = [&](const auto& change) {
        ConnectionSettings settings = put.settings;
        change(settings);
        return check(settings).has_value();
    };
    CHECK(check(put.settings));
    CHECK_FALSE(changed([](ConnectionSettings& one) { one.children.push_back(one.children.back()); }));
    CHECK_FALSE(changed([](ConnectionSettings& one) { one.children.clear(); }));
    CHECK_FALSE(changed([](ConnectionSettings& one) { one.children[15].local.push_back(one.children[0].local[0]); }));
    CHECK_FALSE(changed([](ConnectionSettings& one) { one.children[15].remote.push_back(one.children[0].local[0]); }));
    CHECK_FALSE(changed([](ConnectionSettings& one) { one.children[15].routes.push_back(one.children[0].local[0]); }));
    CHECK_FALSE(changed([](ConnectionSettings& one) { one.children[3].local.clear(); }));
    CHECK_FALSE(changed([](ConnectionSettings& one) { one.children[3].remote.clear(); }));
    CHECK_FALSE(changed([](ConnectionSettings& one) { one.pool = one.children[0].routes; }));
    CHECK_FALSE(changed([](ConnectionSettings& one) { one.ike.emplace_back(); }));
    CHECK_FALSE(changed([](ConnectionSettings& one) { one.max_sessions = 0; }));
    CHECK_FALSE(changed([](ConnectionSettings& one) { one.name.clear(); }));
    Wire wire;
    // A sentence has three of the longest notes of the engine (vpnd/ike/limits.h) at most, and some words.
    CHECK(encode(
        SnapshotMessage(ConnectionSnapshot{put.settings, ConnectionState::kUp, std::string(2'000, 'x'), 1, {}, {}, {}}),
        wire));
    CHECK(encode(ConfigMessage(std::move(put)), wire));
}

TEST_CASE("the largest child that the engine makes fits into a message, and so does an attempt") {
    ChildSnapshot child;
    child.name = child.suite = std::string(1'000, 'x');
    // 256 pairs of selectors (vpnd/ike/connection.h): one of us with 256 of the peer, two addresses and ports in each.
    child.local.assign(1, std::string(120, 'x'));
    child.remote.assign(256, std::string(120, 'x'));
    Wire wire;
    CHECK(encode(SnapshotMessage(child), wire));
    AttemptSnapshot attempt;
    attempt.remote_identity = attempt.asked_identity = attempt.offered = attempt.accepted = std::string(400, 'x');
    attempt.sentence = std::string(2'000, 'x');
    CHECK(encode(SnapshotMessage(attempt), wire));
}

TEST_CASE("a listener of IKE has messages of two ports and data of one, each once") {
    const auto of = [](std::uint32_t workers, bool v6) {
        std::vector<DescriptorRole> out;
        for (const Family family : {Family::kV4, Family::kV6}) {
            if (family == Family::kV6 && !v6) continue;
            for (std::uint8_t port = 0; port < 2; ++port) {
                out.push_back({SocketRole::kMessages, family, 0, port});
                out.push_back({SocketRole::kSolicited, family, 0, port});
            }
            for (std::uint16_t i = 0; i < workers; ++i) out.push_back({SocketRole::kData, family, i});
        }
        return out;
    };
    CHECK(check_roles(ListenerKind::kIke, of(3, false), 3));
    CHECK(check_roles(ListenerKind::kIke, of(3, true), 3));
    CHECK_FALSE(check_roles(ListenerKind::kWireguard, of(3, true), 3));
    for (std::size_t lacking = 0; lacking < of(2, true).size(); ++lacking) {
        std::vector<DescriptorRole> roles = of(2, true);
        roles.erase(roles.begin() + static_cast<std::ptrdiff_t>(lacking));
        CHECK_FALSE(check_roles(ListenerKind::kIke, roles, 2));
    }
    std::vector<DescriptorRole> more = of(2, false);
    more.push_back({SocketRole::kSurplus, Family::kV4, 0, 1});  // of another listener before
    CHECK(check_roles(ListenerKind::kIke, more, 2));
    for (const DescriptorRole& role : {DescriptorRole{SocketRole::kData, Family::kV4, 1, 1},
                                       DescriptorRole{SocketRole::kMessages, Family::kV4, 0, 2}}) {
        std::vector<DescriptorRole> wrong = more;
        wrong.push_back(role);
        CHECK_FALSE(check_roles(ListenerKind::kIke, wrong, 2));
    }
    CHECK(ports_of(ListenerKind::kIke, 4500) == std::vector<std::uint16_t>{4500, 500});
    CHECK(ports_of(ListenerKind::kWireguard, 51820) == std::vector<std::uint16_t>{51820});
}

TEST_CASE("a peer's snapshot arrives as it was sent") {
    const auto decoded = decode_snapshot(wire_of(every_snapshot_message()[3]));
    REQUIRE(decoded);
    const auto& peer = std::get<PeerSnapshot>(*decoded);
    CHECK(peer.activity.latest_handshake == WallTime{-5});
    CHECK(peer.latest_handshake_seconds == 17U);
    CHECK(peer.state == PeerState::kExpired);
    CHECK(std::get<ShownWireguardPeer>(peer.tunnel).has_preshared_key);
}

TEST_CASE("a message that is cut short or has bytes to spare is refused") {
    check_cut_and_grown(every_config_message(), decode);
    check_cut_and_grown(every_snapshot_message(), decode_snapshot);
    check_cut_and_grown(every_control_message(), decode_control);
    check_cut_and_grown(every_web_message(), decode_web);
    check_cut_and_grown(every_alert_message(), decode_alert);
    check_cut_and_grown(every_alert_talk(), decode_alert_talk);
}

TEST_CASE("no field has two spellings, and no flipped bit makes the decoder trip") {
    check_bit_flips(every_config_message(), decode);
    check_bit_flips(every_snapshot_message(), decode_snapshot);
    check_bit_flips(every_control_message(), decode_control);
    check_bit_flips(every_web_message(), decode_web);
    check_bit_flips(every_alert_message(), decode_alert);
    check_bit_flips(every_alert_talk(), decode_alert_talk);
}

TEST_CASE("values out of range are refused") {
    Wire begin = wire_of(ConfigMessage(Begin{1, true}));
    begin.back() = 2;  // a bool is 0 or 1
    CHECK_FALSE(decode(begin));

    Wire listener = wire_of(ConfigMessage(full_listener()));
    const std::size_t kind_at = 2 + 4 + 4;  // version, type, owner
    REQUIRE(listener[kind_at] == 0);
    REQUIRE(listener[kind_at + 1] == static_cast<std::uint8_t>(Protocol::kTcp));
    listener[kind_at] = 2;  // there are two kinds
    CHECK_FALSE(decode(listener));

    PutPeer peer;
    peer.settings.allowed_ips = {*parse_prefix("10.0.0.0/8")};
    Wire wire = wire_of(ConfigMessage(std::move(peer)));
    // Behind it: no endpoint, no date, no limits, no maps, the tunnel's kind, two keys, the keepalive, no next key, the
    // queue, what follows, a bool, nobody who saw it elsewhere.
    const std::size_t length_at = wire.size() - 1 - (1 + 8 + 32 + 4 + 1 + 32 + 32 + 2 + 1 + 2 + 4 + 1 + 1);
    REQUIRE(wire[length_at] == 8);
    wire[length_at] = 33;
    CHECK_FALSE(decode(wire));
    wire[length_at] = 32;
    CHECK(decode(wire));
}

TEST_CASE("a message of another version or an unknown type is refused") {
    Wire wire = wire_of(ConfigMessage(Commit{1}));
    wire[0] = static_cast<std::uint8_t>(wire[0] + 1);
    CHECK_FALSE(decode(wire));
    wire = wire_of(ConfigMessage(Commit{1}));
    wire[1] = std::variant_size_v<ConfigMessage>;
    CHECK_FALSE(decode(wire));
    CHECK_FALSE(decode({}));
}

TEST_CASE("a count larger than the message is refused before anything is allocated for it") {
    Wire wire = wire_of(ConfigMessage(RemoveCustomer{"acme"}));
    for (const std::uint32_t count : {5U, 0x10000U, UINT32_MAX}) {
        store_le(wire.data() + 2, count);
        CHECK_FALSE(decode(wire));
    }
}

TEST_CASE("a message larger than a channel carries is not encoded") {
    Wire wire;
    CHECK(encode(ConfigMessage(Rejected{1, std::string(kMaxMessageSize - 14, 'x')}), wire));
    CHECK(wire.size() == kMaxMessageSize);
    CHECK_FALSE(encode(ConfigMessage(Rejected{1, std::string(kMaxMessageSize - 13, 'x')}), wire));
}

TEST_CASE("encoding keys never moves the bytes to another allocation") {
    Wire wire;
    REQUIRE(encode(ConfigMessage(Commit{1}), wire));
    const auto* before = wire.data();
    PutPeer peer = full_peer();
    peer.settings.allowed_ips.assign(kPrefixesPerMessage, *parse_prefix("fd00::/64"));
    REQUIRE(encode(ConfigMessage(std::move(peer)), wire));
    CHECK(wire.data() == before);
}

TEST_CASE("a message carries as many prefixes as one may have, beside the longest names") {
    PutPeer peer = full_peer();
    peer.settings.name = std::string(1'000, 'x');
    peer.settings.allowed_ips.assign(kPrefixesPerMessage, *parse_prefix("fd00::/64"));
    Wire wire;
    CHECK(encode(ConfigMessage(PutPrefixes{peer.settings.allowed_ips}), wire));
    CHECK(encode(ConfigMessage(std::move(peer)), wire));
    PeerSnapshot shown;
    shown.settings.name = std::string(1'000, 'x');
    shown.settings.allowed_ips.assign(PeerSnapshot::kMostPrefixes, *parse_prefix("fd00::/64"));
    CHECK(encode(SnapshotMessage(shown), wire));
}

TEST_CASE("random bytes are never decoded into something that encodes otherwise") {
    std::mt19937 random(20250101);
    for (int round = 0; round < 20000; ++round) {
        Wire wire(random() % 64 + 2);
        for (auto& byte : wire) byte = static_cast<std::uint8_t>(random());
        wire[0] = kWireVersion;
        wire[1] = static_cast<std::uint8_t>(random() % std::variant_size_v<ConfigMessage>);
        if (const auto decoded = decode(wire)) CHECK(wire_of(*decoded) == wire);
        if (const auto decoded = decode_snapshot(wire)) CHECK(wire_of(*decoded) == wire);
        if (const auto decoded = decode_control(wire)) CHECK(wire_of(*decoded) == wire);
    }
}
