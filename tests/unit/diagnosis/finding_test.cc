// Facts and the findings that they lead to, as a table.
#include "ctl/diagnosis/finding.h"

#include <doctest/doctest.h>

#include <functional>
#include <set>
#include <string>
#include <vector>

namespace warren::diagnosis {
namespace {

constexpr std::int64_t kNow = 1'800'000'000;

WallTime at(std::int64_t seconds) {
    return {seconds * std::nano::den};
}

// A customer with one peer that is well: a session, traffic both ways, pings of every size answered.
Facts healthy() {
    Facts facts;
    facts.now = at(kNow);
    facts.customer.settings.id = "acme";
    ipc::PeerSnapshot peer;
    peer.settings.name = "graz";
    peer.settings.allowed_ips = {*parse_prefix("10.0.0.2/32")};
    peer.activity.endpoint = parse_endpoint("203.0.113.7:40000");
    peer.activity.has_session = true;
    peer.activity.latest_handshake = at(kNow - 30);
    peer.latest_handshake_seconds = 30;
    peer.state = ipc::PeerState::kOnline;
    peer.sent_seconds = 1;
    peer.received_seconds = 1;
    facts.peers = {peer};
    facts.before["graz"] = peer.activity;
    facts.sent_before["graz"] = 2;
    facts.probes["graz"] = {{*parse_ip("10.0.0.2"), {{84, true}, {1280, true}, {1420, true}}}};
    return facts;
}

ipc::RefusedSender refused(const char* reason, const char* from) {
    ipc::RefusedSender out;
    out.reason = reason;
    out.from = *parse_endpoint(from);
    out.messages = 4;
    out.first = at(kNow - 20);
    out.last = at(kNow - 2);
    return out;
}

// It is not heard of: its client cannot get in.
void silence(Facts& facts) {
    facts.peers[0].received_seconds = 40;
}

struct Case {
    const char* what;
    std::function<void(Facts&)> change;
    std::vector<Kind> wanted;
};

const std::vector<Case>& cases() {
    static const std::vector<Case> all{
        {"a healthy peer", [](Facts&) {}, {}},
        {"a parked customer, which has no stack to ping from",
         [](Facts& facts) {
             facts.customer.activity.is_parked = true;
             facts.probes.clear();
         },
         {}},
        {"the same, and its stack could not be made",
         [](Facts& facts) {
             facts.customer.activity.is_parked = true;
             facts.probes.clear();
             facts.stack_problem = "create a network namespace: no space left";
         },
         {Kind::kStackIncomplete}},
        {"one that answers no pings, and is otherwise well",
         [](Facts& facts) {
             facts.probes["graz"] = {{*parse_ip("10.0.0.2"), {{84, false, true}, {1420}}}};
         },
         {}},
        {"one that is switched off, and nobody asked for it",
         [](Facts& facts) {
             facts.peers[0].activity.has_session = false;
             facts.peers[0].latest_handshake_seconds = 90'000;
         },
         {}},
        {"the same, asked for",
         [](Facts& facts) {
             facts.peers[0].activity.has_session = false;
             facts.peers[0].latest_handshake_seconds = 90'000;
             facts.peer = "graz";
         },
         {Kind::kSilent}},
        {"the key of another server, from where the peer was, by another port",
         [](Facts& facts) {
             silence(facts);
             facts.peers[0].activity.latest_handshake = at(kNow - 400);
             facts.refused = {refused("bad_mac1", "203.0.113.7:51999")};
         },
         {Kind::kWrongServerKey}},
        {"the same behind the address of a peer that is well",
         [](Facts& facts) {
             facts.refused = {refused("bad_mac1", "203.0.113.7:51999"), refused("unknown_peer", "203.0.113.7:51998")};
         },
         {}},
        {"a single message of that kind",
         [](Facts& facts) {
             silence(facts);
             facts.refused = {refused("bad_mac1", "203.0.113.7:51999")};
             facts.refused[0].messages = 1;
         },
         {}},
        {"the same from elsewhere is a stranger's",
         [](Facts& facts) { facts.refused = {refused("bad_mac1", "203.0.113.8:40000")}; },
         {}},
        {"the same before the latest handshake is past",
         [](Facts& facts) {
             facts.refused = {refused("bad_mac1", "203.0.113.7:40000")};
             facts.peers[0].activity.latest_handshake = at(kNow - 1);
         },
         {}},
        {"the same at another customer's listener",
         [](Facts& facts) {
             facts.refused = {refused("bad_mac1", "203.0.113.7:40000")};
             facts.refused[0].listener = "globex";
         },
         {}},
        {"a key that nobody has here",
         [](Facts& facts) {
             silence(facts);
             facts.refused = {refused("unknown_peer", "203.0.113.7:40000")};
         },
         {Kind::kUnknownClientKey}},
        {"keys that do not fit",
         [](Facts& facts) {
             facts.refused = {refused("bad_response", "203.0.113.9:40000")};
             facts.refused[0].customer = "acme";
             facts.refused[0].peer = "graz";
             silence(facts);
         },
         {Kind::kPresharedKey}},
        {"it begins handshakes, and completes none",
         [](Facts& facts) {
             silence(facts);
             facts.before["graz"].newest_seconds = kNow - 6;
             facts.peers[0].activity.newest_seconds = kNow - 1;
         },
         {Kind::kPresharedKey}},
        {"it began one that long ago that it is over, and has no session",
         [](Facts& facts) {
             silence(facts);
             facts.peers[0].activity.has_session = false;
             facts.peers[0].activity.newest_seconds = kNow - 4;
         },
         {Kind::kPresharedKey}},
        {"the same with a session: its clock may be ahead",
         [](Facts& facts) {
             silence(facts);
             facts.peers[0].activity.newest_seconds = kNow - 4;
         },
         {}},
        {"one that is under way",
         [](Facts& facts) {
             silence(facts);
             facts.peers[0].activity.has_session = false;
             facts.peers[0].activity.newest_seconds = kNow - 1;
         },
         {}},
        {"one that it completed",
         [](Facts& facts) {
             facts.before["graz"].newest_seconds = kNow - 120;
             facts.peers[0].activity.newest_seconds = kNow;
             facts.peers[0].latest_handshake_seconds = 0;
         },
         {}},
        {"one of a peer that is heard all the time",
         [](Facts& facts) {
             facts.before["graz"].newest_seconds = kNow - 120;
             facts.peers[0].activity.newest_seconds = kNow;
         },
         {}},
        {"begun handshakes, and packets to it without an answer",
         [](Facts& facts) {
             facts.peers[0].received_seconds = 90;
             facts.peers[0].latest_handshake_seconds = 100;
             facts.probes["graz"] = {{*parse_ip("10.0.0.2"), {{84, false, true}, {1420}}}};
             facts.before["graz"].newest_seconds = kNow - 6;
             facts.peers[0].activity.newest_seconds = kNow - 1;
         },
         {Kind::kPresharedKey}},
        {"a quota of the customer that is spent",
         [](Facts& facts) {
             facts.customer.settings.quota = 1'000;
             facts.customer.activity.month = {600, 500, true};
         },
         {Kind::kQuotaSpent}},
        {"a quota of a peer that is spent, and a rate is left",
         [](Facts& facts) {
             facts.peers[0].settings.limits = {0, 0, 1'000, 64'000};
             facts.peers[0].activity.month = {600, 500, true};
         },
         {Kind::kQuotaSpent}},
        {"a quota with something left",
         [](Facts& facts) {
             facts.customer.settings.quota = 2'000;
             facts.customer.activity.month = {600, 500, false};
         },
         {}},
        {"somebody claims to be a peer that is well",
         [](Facts& facts) {
             facts.refused = {refused("bad_initiation", "203.0.113.9:40000")};
             facts.refused[0].customer = "acme";
             facts.refused[0].peer = "graz";
         },
         {}},
        {"a clock in the past",
         [](Facts& facts) {
             silence(facts);
             facts.peers[0].activity.refused_as_old = 3;
             facts.peers[0].activity.refused_at = at(kNow - 2);
         },
         {Kind::kClientClock}},
        {"an old handshake of a peer that is well: somebody sends it again",
         [](Facts& facts) {
             facts.peers[0].activity.refused_as_old = 3;
             facts.peers[0].activity.refused_at = at(kNow - 2);
         },
         {}},
        {"a clock in the past, an hour ago",
         [](Facts& facts) {
             facts.peers[0].activity.latest_handshake = at(kNow - 9'000);
             facts.peers[0].received_seconds.reset();
             facts.peers[0].activity.refused_as_old = 3;
             facts.peers[0].activity.refused_at = at(kNow - 3'600);
         },
         {}},
        {"a clock that was, and a handshake since",
         [](Facts& facts) {
             facts.peers[0].activity.refused_as_old = 3;
             facts.peers[0].activity.refused_at = at(kNow - 60);
         },
         {}},
        {"two devices with one key",
         [](Facts& facts) { facts.peers[0].activity.flaps_with = parse_endpoint("203.0.113.8:40000"); },
         {Kind::kSharedKey}},
        {"a NAT that changes ports",
         [](Facts& facts) {
             facts.peers[0].activity.port_moves = {at(kNow - 13), at(kNow - 9), at(kNow - 5), at(kNow - 1)};
         },
         {Kind::kNatRebinds}},
        {"a NAT that did, an hour ago",
         [](Facts& facts) {
             facts.peers[0].activity.port_moves = {at(kNow - 3613), at(kNow - 3609), at(kNow - 3605), at(kNow - 3601)};
         },
         {}},
        {"a NAT that changes ports twice a day",
         [](Facts& facts) {
             facts.peers[0].activity.port_moves = {at(kNow - 150'000), at(kNow - 100'000), at(kNow - 50'000),
                                                   at(kNow - 1)};
         },
         {}},
        {"wrong sources, now",
         [](Facts& facts) {
             facts.peers[0].activity.sources_refused = 3;
             facts.peers[0].activity.source_refused = parse_ip("10.9.9.9");
         },
         {Kind::kSourceRefused}},
        {"a stray one, now",
         [](Facts& facts) {
             facts.peers[0].activity.sources_refused = 1;
             facts.peers[0].activity.source_refused = parse_ip("10.9.9.9");
         },
         {}},
        {"one of a peer that somebody asked about, and that answers nothing",
         [](Facts& facts) {
             facts.peer = "graz";
             facts.peers[0].activity.sources_refused = 1;
             facts.peers[0].activity.source_refused = parse_ip("10.9.9.9");
             facts.probes["graz"] = {{*parse_ip("10.0.0.2"), {{84, false, true}, {1420}}}};
         },
         {Kind::kSourceRefused}},
        {"a stray one of before",
         [](Facts& facts) {
             facts.peers[0].activity.sources_refused = facts.before["graz"].sources_refused = 1;
             facts.peers[0].activity.source_refused = parse_ip("10.9.9.9");
         },
         {}},
        {"link-local sources, which every device sends",
         [](Facts& facts) {
             facts.peers[0].activity.sources_refused = 9;
             facts.peers[0].activity.source_refused = parse_ip("fe80::1");
         },
         {}},
        {"wrong sources of before, of an idle device",
         [](Facts& facts) {
             facts.peers[0].activity.sources_refused = facts.before["graz"].sources_refused = 5;
             facts.peers[0].activity.source_refused = parse_ip("10.9.9.9");
             facts.peers[0].received_seconds.reset();
             facts.probes["graz"] = {{*parse_ip("10.0.0.2"), {{84, false, true}, {1420}}}};
         },
         {}},
        {"large pings are lost",
         [](Facts& facts) {
             facts.probes["graz"][0].sizes.back() = {1420, false, true};
         },
         {Kind::kMtuBlackHole}},
        {"a large ping was not tried often enough",
         [](Facts& facts) { facts.probes["graz"][0].sizes.back().answered = false; },
         {}},
        {"one in the middle is lost, and a larger one is not",
         [](Facts& facts) {
             facts.probes["graz"][0].sizes[1] = {1280, false, true};
         },
         {}},
        {"packets go there and none comes",
         [](Facts& facts) {
             facts.probes["graz"] = {{*parse_ip("10.0.0.2"), {{84, false, true}, {1420}}}};
             facts.peers[0].received_seconds.reset();
         },
         {Kind::kNoReturnPath}},
        {"the same, but only the pings of the one who asked before had been sent",
         [](Facts& facts) {
             facts.probes["graz"] = {{*parse_ip("10.0.0.2"), {{84, false, true}, {1420}}}};
             facts.peers[0].received_seconds = 200;
             facts.sent_before["graz"] = 20;
             facts.pinged_before = 20;
         },
         {}},
        {"the same, and somebody sent something since",
         [](Facts& facts) {
             facts.probes["graz"] = {{*parse_ip("10.0.0.2"), {{84, false, true}, {1420}}}};
             facts.peers[0].received_seconds = 200;
             facts.sent_before["graz"] = 2;
             facts.pinged_before = 20;
         },
         {Kind::kNoReturnPath}},
        {"the same, but nothing had been sent",
         [](Facts& facts) {
             facts.probes["graz"] = {{*parse_ip("10.0.0.2"), {{84, false, true}, {1420}}}};
             facts.peers[0].received_seconds.reset();
             facts.sent_before.clear();
         },
         {}},
        {"the previous key of the server",
         [](Facts& facts) { facts.peers[0].activity.uses_previous_identity = true; },
         {Kind::kPreviousServerKey}},
        {"an expired peer",
         [](Facts& facts) {
             facts.peers[0].activity.is_expired = true;
             facts.peers[0].activity.has_session = false;
         },
         {Kind::kExpired}},
        {"a disabled peer that was asked for",
         [](Facts& facts) {
             facts.peers.clear();
             facts.disabled = {"graz"};
             facts.peer = "graz";
         },
         {Kind::kDisabled}},
        {"a disabled peer that was not",
         [](Facts& facts) {
             facts.peers.clear();
             facts.disabled = {"graz"};
         },
         {}},
        {"a suspended customer, and nothing else of it",
         [](Facts& facts) {
             facts.customer.settings.suspended = true;
             facts.peers[0].activity.is_expired = true;
         },
         {Kind::kSuspended}},
        {"a test link", [](Facts& facts) { facts.customer.settings.emulate_down.loss = 1; }, {Kind::kTestLink}},
        {"the firewall drops, now",
         [](Facts& facts) {
             facts.firewall = {{"no-smtp", 7, 9}};
         },
         {Kind::kFirewallDrops}},
        {"the firewall dropped",
         [](Facts& facts) {
             facts.firewall = {{"no-smtp", 7, 7}};
         },
         {}},
        {"a connection is down for a reason",
         [](Facts& facts) {
             Connection one;
             one.connection.settings.name = "linz";
             one.connection.state = ipc::ConnectionState::kDown;
             one.connection.activity.last_failure = "ike_auth_failed";
             facts.connections = {one};
         },
         {Kind::kConnectionDown}},
        {"a connection waits for its peer",
         [](Facts& facts) {
             Connection one;
             one.connection.settings.name = "linz";
             one.connection.state = ipc::ConnectionState::kListening;
             facts.connections = {one};
         },
         {}},
        {"a connection is up after a failure",
         [](Facts& facts) {
             Connection one;
             one.connection.settings.name = "linz";
             one.connection.state = ipc::ConnectionState::kUp;
             one.connection.activity.last_failure = "ike_auth_failed";
             facts.connections = {one};
         },
         {}},
        {"a connection that is not served",
         [](Facts& facts) {
             Connection one;
             one.connection.settings.name = "linz";
             one.connection.reason = "no certificate";
             facts.connections = {one};
         },
         {Kind::kConnectionUnserved}},
    };
    return all;
}

std::vector<Kind> kinds_of(const std::vector<Finding>& findings) {
    std::vector<Kind> out;
    for (const Finding& one : findings) {
        CHECK_FALSE(one.sentence.empty());
        CHECK(one.sentence.back() == '.');
        CHECK_FALSE(one.evidence.empty());
        CHECK_FALSE(one.advice.empty());
        out.push_back(one.kind);
    }
    return out;
}

TEST_CASE("each trouble is named, and what is none is not") {
    for (const Case& one : cases()) {
        CAPTURE(one.what);
        Facts facts = healthy();
        one.change(facts);
        CHECK(kinds_of(findings_of(facts)) == one.wanted);
    }
}

TEST_CASE("a black hole says what passed, and an attempt what its peer offered") {
    Facts facts = healthy();
    facts.probes["graz"][0].sizes.back() = {1420, false, true};
    const auto found = findings_of(facts);
    REQUIRE(found.size() == 1);
    CHECK(found[0].evidence == "10.0.0.2 answers pings of 1280 bytes, not of 1420");
    CHECK(found[0].advice.find("mtu = 1280") != std::string::npos);

    // It uses what others see of it.
    facts = healthy();
    facts.peers[0].settings.maps = {{*parse_prefix("10.0.1.0/24"), *parse_prefix("10.101.1.0/24")}};
    facts.peers[0].activity.sources_refused = 3;
    facts.peers[0].activity.source_refused = parse_ip("10.101.1.9");
    const auto disguised = findings_of(facts);
    REQUIRE(disguised.size() == 1);
    CHECK(disguised[0].advice ==
          "set the client's address to one of 10.0.1.0/24, which all others see as 10.101.1.0/24");

    facts = healthy();
    Connection one;
    one.connection.settings.name = "linz";
    one.connection.state = ipc::ConnectionState::kDown;
    one.connection.activity.last_failure = "ike_no_proposal";
    one.last_attempt.emplace();
    one.last_attempt->failure = "ike_no_proposal";
    one.last_attempt->sentence = "no common algorithms";
    one.last_attempt->offered = "3des";
    one.last_attempt->accepted = "aes128gcm";
    facts.connections = {one};
    const auto down = findings_of(facts);
    REQUIRE(down.size() == 1);
    CHECK(down[0].evidence.find("no common algorithms") != std::string::npos);
    CHECK(down[0].evidence.find("offered 3des; we take aes128gcm") != std::string::npos);
}

TEST_CASE("ports and the clock are the machine's") {
    MachineFacts facts;
    facts.now = at(kNow);
    Listener one;
    one.listener.id.owner = "acme";
    one.listener.port = 51'820;
    one.comes_through = true;
    facts.listeners = {one};
    CHECK(findings_of(facts).empty());
    facts.listeners[0].comes_through.reset();  // not tried
    CHECK(findings_of(facts).empty());
    facts.listeners[0].comes_through = false;
    CHECK(kinds_of(findings_of(facts)) == std::vector<Kind>{Kind::kPortUnreachable});
    facts.listeners[0].is_bound = false;
    CHECK(kinds_of(findings_of(facts)) == std::vector<Kind>{Kind::kPortUnreachable});

    facts.listeners.clear();
    facts.now = at(1'000'000);
    CHECK(kinds_of(findings_of(facts)) == std::vector<Kind>{Kind::kMachineClock});
    facts.now = at(kNow);
    facts.peers.resize(3);
    for (ipc::PeerSnapshot& peer : facts.peers) peer.latest_handshake_seconds = 60;
    facts.peers[0].ahead_seconds = 4'000;
    CHECK(findings_of(facts).empty());  // one client's clock may be wrong
    facts.peers[1].ahead_seconds = 4'000;
    CHECK(kinds_of(findings_of(facts)) == std::vector<Kind>{Kind::kMachineClock});
    facts.peers.resize(5, facts.peers[2]);
    CHECK(findings_of(facts).empty());  // most of them agree with ours
    facts.peers.resize(2);
    facts.peers[0].latest_handshake_seconds = 90'000;  // it showed that long ago
    CHECK(findings_of(facts).empty());
}

TEST_CASE("every kind has a name of its own") {
    std::set<std::string_view> names;
    for (std::size_t i = 0; i < kKinds; ++i) names.insert(name_of(static_cast<Kind>(i)));
    CHECK(names.size() == kKinds);
    CHECK(name_of(Kind::kPortUnreachable) == "port_unreachable");
    CHECK(name_of(Kind::kSilent) == "silent");
}

}  // namespace
}  // namespace warren::diagnosis
