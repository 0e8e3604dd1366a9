// vpnd/dataplane/install.h: the effects of commands, and the events.
#include <doctest/doctest.h>

#include "rig.h"

namespace warren::dataplane::test {
namespace {

Packet hello(const char* source, const char* destination) {
    IpFields fields;
    fields.source = *parse_ip(source);
    fields.destination = *parse_ip(destination);
    return udp_packet(fields, 1, 2, Packet{'x'});
}
Packet to_peer() {
    return hello("10.0.0.1", "10.0.0.2");
}
Packet from_peer() {
    return hello("10.0.0.2", "10.0.0.1");
}

Rig ready_rig() {
    Rig rig;
    rig.put({});
    rig.set_endpoint(0, "198.51.100.7:1111");
    return rig;
}

// The activity in the next report.
PeerActivity activity(Rig& rig) {
    rig.events();
    rig.now = rig.now + kActivityInterval;
    rig.tick();
    const auto reported = Rig::only<PeerActivity>(rig.events());
    REQUIRE(reported.size() == 1);
    return reported[0];
}

TEST_CASE("a customer whose counters may have changed is reported once, and no other") {
    Rig rig;
    rig.put({});
    rig.put({.index = 1, .peers = {{1, {"10.0.0.2/32"}}}});
    rig.put({.index = 2, .peers = {{2, {"10.0.0.2/32"}}}});
    using Customers = std::vector<CustomerIndex>;
    const auto touched = [&rig] {
        Customers out;
        rig.pipeline->take_touched(out);
        return out;
    };
    CHECK(touched() == Customers{{0}, {1}, {2}});  // new customers
    CHECK(touched().empty());
    rig.set_endpoint(1, "198.51.100.7:1111");
    rig.install(1, 100, true);
    rig.pipeline->charge({2}, Direction::kInbound, Duration(1));
    rig.pipeline->charge({2}, Direction::kOutbound, Duration(1));
    rig.pipeline->charge({9}, Direction::kOutbound, Duration(1));  // no such customer
    CHECK(touched() == Customers{{1}, {2}});
    rig.pipeline->count_drop({0}, DropReason::kBacklogFull);
    rig.pipeline->count_drop({}, DropReason::kDatagramTruncated);
    CHECK(touched() == Customers{{0}});
    rig.apply(PurgeStaged{{1}});
    rig.pipeline->drop_customer({1});
    rig.put({.index = 1, .peers = {{1, {"10.0.0.2/32"}}}});  // another customer with the index of the removed one
    CHECK(touched() == Customers{{1}});
}

TEST_CASE("S3: an empty keepalive confirms an initiator's session when nothing waits") {
    Rig rig = ready_rig();
    rig.install(0, 100, true);
    const auto sent = rig.sent();
    REQUIRE(sent.size() == 1);
    CHECK(sent[0].bytes.size() == 32);
    CHECK(rig.open(100, sent[0]).empty());
    CHECK(sent[0].remote == *parse_endpoint("198.51.100.7:1111"));
    CHECK(rig.traffic(0).tx_bytes == 32);
}

TEST_CASE("what is counted of a peer's new owner begins anew, beside what was counted of all") {
    Rig rig = ready_rig();
    rig.install(0, 100, true);
    CHECK(rig.pipeline->earlier_traffic({0})->tx_bytes == 0);
    rig.apply(CountAnew{{0}});
    rig.transmit(0, to_peer());
    CHECK(rig.traffic(0).tx_bytes == 32 + 64);
    CHECK(rig.pipeline->earlier_traffic({0})->tx_bytes == 32);
    rig.apply(CountAnew{{77}});  // unknown
    CHECK(rig.pipeline->earlier_traffic({77}) == nullptr);
}

TEST_CASE("S3: waiting packets confirm an initiator's session, without a keepalive") {
    Rig rig = ready_rig();
    rig.transmit(0, to_peer());
    rig.transmit(0, to_peer());
    rig.install(0, 100, true);
    const auto sent = rig.sent();
    REQUIRE(sent.size() == 2);
    CHECK(rig.open(100, sent[0]).size() == 32);
    CHECK(rig.open(100, sent[1]).size() == 32);
}

TEST_CASE("S2: installing a responder's session sends nothing") {
    Rig rig = ready_rig();
    rig.transmit(0, to_peer());
    rig.install(0, 100, false);
    CHECK(rig.sent().empty());
}

TEST_CASE("a session for an unknown peer is ignored, one with the same index replaces the old one") {
    Rig rig = ready_rig();
    rig.install(77, 100, true);
    CHECK(rig.sent().empty());
    rig.install(0, 100, true);
    rig.install(0, 100, true);
    CHECK(rig.sent().size() == 2);
    rig.apply(RetireSession{{100}});
    rig.transmit(0, to_peer());
    CHECK(rig.sent().empty());
}

TEST_CASE("I3: packets that waited for a retired session wait on, and the next session sends them") {
    Rig rig = ready_rig();
    rig.install(0, 100, true);
    rig.apply(RetireSession{{100}});
    rig.sent();
    rig.transmit(0, to_peer());
    CHECK(rig.sent().empty());
    rig.install(0, 200, true);
    CHECK(rig.open(200, rig.sent().at(0)).size() == 32);
}

TEST_CASE("H15: StopSending keeps the receiving side") {
    Rig rig = ready_rig();
    rig.install(0, 100, true);
    rig.sent();
    rig.apply(StopSending{{0}});
    rig.transmit(0, to_peer());
    CHECK(rig.sent().empty());
    CHECK(Rig::only<NeedSession>(rig.events()).size() == 1);
    rig.receive(rig.seal(100, 0, from_peer()));
    CHECK(rig.delivered().size() == 1);
    CHECK(Rig::only<SessionConfirmed>(rig.events()).empty());
    CHECK(rig.sent().empty());
}

TEST_CASE("after StopSending a session that waits is sent on from its first message on, unless it is retired") {
    for (const bool is_retired : {false, true}) {
        Rig rig = ready_rig();
        rig.install(0, 100, true);
        rig.install(0, 200, false);
        rig.sent();
        rig.apply(StopSending{{0}});
        const auto first = rig.seal(200, 0, from_peer());
        if (is_retired) rig.apply(RetireSession{SessionId{200}});
        rig.receive(first);
        CHECK(Rig::only<SessionConfirmed>(rig.events()).size() == (is_retired ? 0 : 1));
        rig.sent();
        rig.transmit(0, to_peer());
        CHECK(rig.sent().empty() == is_retired);
    }
}

TEST_CASE("where a peer asked for its session from, it is heard though forged messages have spent the budget") {
    Rig rig = ready_rig();
    rig.install(0, 100, true);
    rig.sent();
    rig.initiated_from = *parse_endpoint("192.0.2.9:9999");
    rig.install(0, 200, false);
    Packet forged = rig.seal(200, 1'000, from_peer());
    forged.back() ^= 1;
    rig.from = *parse_endpoint("192.0.2.66:6666");
    for (int i = 0; i < 2'000; ++i) rig.receive(forged);
    REQUIRE(rig.drops(DropReason::kForgeryBudgetSpent) > 0);
    rig.receive(rig.seal(200, 1, from_peer()));
    CHECK(rig.delivered().empty());
    // Asking did not move the peer.
    rig.transmit(0, to_peer());
    CHECK(rig.sent().at(0).remote == *parse_endpoint("198.51.100.7:1111"));
    rig.from = rig.initiated_from;
    rig.receive(rig.seal(200, 2, from_peer()));
    CHECK(rig.delivered().size() == 1);
    rig.transmit(0, to_peer());
    CHECK(rig.sent().at(0).remote == rig.initiated_from);
}

TEST_CASE("a peer whose endpoint is forgotten gets nothing until it is known again") {
    Rig rig = ready_rig();
    rig.set_endpoint(0, "198.51.100.7:1111");
    rig.apply(ForgetEndpoint{{0}});
    rig.apply(ForgetEndpoint{{99}});
    rig.transmit(0, to_peer());
    CHECK(rig.sent().empty());
    CHECK(rig.drops(DropReason::kNoEndpoint) == 1);
}

TEST_CASE("T5, E2: ClearLocalAddress clears the source address, not the destination") {
    Rig rig = ready_rig();
    rig.apply(SetEndpoint{{0}, *parse_endpoint("192.0.2.1:1"), {*parse_ip("203.0.113.9"), 4}});
    rig.install(0, 100, true);
    CHECK(rig.sent().at(0).local == LocalAddress{*parse_ip("203.0.113.9"), 4});
    rig.apply(ClearLocalAddress{{0}});
    rig.transmit(0, to_peer());
    const Sent sent = rig.sent().at(0);
    CHECK(sent.local == LocalAddress{});
    CHECK(sent.remote == *parse_endpoint("192.0.2.1:1"));
}

TEST_CASE("T3, T6: a keepalive is sent unless something was sent, or received, since") {
    Rig rig = ready_rig();
    rig.apply(SendKeepalive{{0}, kNever, kNever});
    CHECK(rig.sent().empty());  // no session
    rig.install(0, 100, true);
    rig.sent();
    const Instant installed = rig.now;
    rig.now = rig.now + std::chrono::seconds(10);
    rig.apply(SendKeepalive{{0}, installed, kNever});
    CHECK(rig.sent().empty());
    rig.apply(SendKeepalive{{0}, installed + Duration(1), kNever});
    CHECK(rig.sent().size() == 1);
    const Instant received = rig.now + std::chrono::seconds(1);
    rig.now = received;
    rig.receive(rig.seal(100, 0, {}));
    rig.apply(SendKeepalive{{0}, kNever, received});
    CHECK(rig.sent().empty());
    rig.apply(SendKeepalive{{0}, kNever, received + Duration(1)});
    const auto sent = rig.sent();
    REQUIRE(sent.size() == 1);
    CHECK(sent[0].bytes.size() == 32);
}

TEST_CASE("S4: no keepalive on a session that is too old") {
    Rig rig = ready_rig();
    rig.install(0, 100, true);
    rig.sent();
    rig.now = rig.now + std::chrono::seconds(180);
    rig.apply(SendKeepalive{{0}, kNever, kNever});
    CHECK(rig.sent().empty());
}

TEST_CASE("activity: unanswered data is reported from the first packet until an authentic message arrives") {
    Rig rig = ready_rig();
    rig.install(0, 100, true);
    const Instant keepalive = rig.now;
    PeerActivity seen = activity(rig);
    CHECK(seen.last_sent == keepalive);
    CHECK(seen.last_data_sent == kLongAgo);
    CHECK(seen.first_unanswered_data_sent == kLongAgo);
    CHECK(seen.last_received == kLongAgo);

    const Instant first = rig.now;
    rig.transmit(0, to_peer());
    rig.now = rig.now + std::chrono::milliseconds(50);
    rig.transmit(0, to_peer());
    const Instant second = rig.now;
    seen = activity(rig);
    CHECK(seen.first_unanswered_data_sent == first);
    CHECK(seen.last_data_sent == second);
    CHECK(seen.last_sent == second);

    rig.receive(rig.seal(100, 0, {}));
    const Instant answered = rig.now;
    seen = activity(rig);
    CHECK(seen.first_unanswered_data_sent == kLongAgo);
    CHECK(seen.last_data_sent == second);
    CHECK(seen.last_received == answered);
    CHECK(seen.last_data_received == kLongAgo);
}

TEST_CASE("T3: activity: received data is reported from the first packet until something is sent, even a keepalive") {
    Rig rig = ready_rig();
    rig.install(0, 100, true);
    activity(rig);
    const Instant first = rig.now;
    rig.receive(rig.seal(100, 0, from_peer()));
    rig.now = rig.now + std::chrono::milliseconds(20);
    rig.receive(rig.seal(100, 1, from_peer()));
    PeerActivity seen = activity(rig);
    CHECK(seen.first_unanswered_data_received == first);
    CHECK(seen.last_data_received == first + std::chrono::milliseconds(20));
    rig.apply(SendKeepalive{{0}, kNever, kNever});
    seen = activity(rig);
    CHECK(seen.first_unanswered_data_received == kLongAgo);
    rig.receive(rig.seal(100, 2, {}));
    CHECK(activity(rig).first_unanswered_data_received == kLongAgo);
}

TEST_CASE("activity is reported once, within the interval after the first change, and not without a change") {
    Rig rig = ready_rig();
    CHECK(rig.pipeline->next_deadline() == kNever);
    rig.install(0, 100, true);
    const Instant due = rig.pipeline->next_deadline();
    CHECK(due > rig.now);
    CHECK(due <= rig.now + kActivityInterval);
    for (std::uint64_t i = 0; i < 10; ++i) rig.receive(rig.seal(100, i, from_peer()));
    CHECK(rig.pipeline->next_deadline() == due);
    rig.now = due - Duration(1);
    rig.tick();
    CHECK(Rig::only<PeerActivity>(rig.events()).empty());
    rig.now = due;
    rig.tick();
    CHECK(Rig::only<PeerActivity>(rig.events()).size() == 1);
    CHECK(rig.pipeline->next_deadline() == kNever);
    rig.now = due + std::chrono::seconds(1);
    rig.tick();
    CHECK(rig.events().empty());
}

TEST_CASE("reports wait while there is no room for them, and none is lost") {
    Rig rig;
    Rig::CustomerSpec spec{.peers = {}};
    static std::vector<std::string> prefixes;
    for (int i = 0; i < 10; ++i) prefixes.push_back("10.9.0." + std::to_string(i) + "/32");
    for (std::uint32_t i = 0; i < 10; ++i) spec.peers.push_back({i, {prefixes[i].c_str()}});
    rig.put(spec);
    for (std::uint32_t i = 0; i < 10; ++i) {
        rig.install(i, 100 + i, false);
        rig.receive(rig.seal(100 + i, 0, {}));
    }
    rig.events();
    rig.now = rig.now + std::chrono::seconds(1);
    rig.tick(0);
    CHECK(rig.events().empty());
    std::set<std::uint32_t> reported;
    for (int i = 0; i < 20; ++i) {
        rig.tick(4);
        const auto events = rig.events();
        CHECK(events.size() <= 4);
        for (const PeerActivity& one : Rig::only<PeerActivity>(events)) CHECK(reported.insert(one.peer.value).second);
        rig.now = rig.now + std::chrono::milliseconds(10);
    }
    CHECK(reported.size() == 10);
    // Without room no session is requested either; the next packet requests it.
    rig.set_endpoint(0, "198.51.100.7:1111");
    rig.apply(StopSending{{0}});
    rig.tick(0);
    rig.transmit(0, hello("10.0.0.1", "10.9.0.0"));
    CHECK(rig.events().empty());
    rig.tick(100);
    rig.transmit(0, hello("10.0.0.1", "10.9.0.0"));
    CHECK(Rig::only<NeedSession>(rig.events()).size() == 1);
}

TEST_CASE("E1: roaming is reported with the next report, and before a session is requested") {
    Rig rig = ready_rig();
    rig.install(0, 100, true);
    activity(rig);
    for (std::uint64_t i = 0; i < 50; ++i) {
        rig.from.port = static_cast<std::uint16_t>(1'000 + i);
        rig.receive(rig.seal(100, i, {}));
    }
    CHECK(rig.events().empty());  // a peer that roams with every packet does not flood the control worker
    rig.now = rig.now + kActivityInterval;
    rig.tick();
    auto roamed = Rig::only<PeerRoamed>(rig.events());
    REQUIRE(roamed.size() == 1);
    CHECK(roamed[0].remote.port == 1'049);
    CHECK(roamed[0].local == rig.to);

    rig.from.port = 3;
    rig.receive(rig.seal(100, 100, {}));
    rig.apply(RetireSession{{100}});
    rig.transmit(0, to_peer());
    const auto events = rig.events();
    REQUIRE(events.size() == 2);
    CHECK(std::get<PeerRoamed>(events[0]).remote.port == 3);
    CHECK(std::get<NeedSession>(events[1]).peer == PeerIndex{0});
}

TEST_CASE("a pinned peer is followed where it goes, and is sent to from its own address of ours") {
    Rig rig = ready_rig();
    rig.install(0, 100, true);
    activity(rig);
    const LocalAddress service{IpAddress::v4(203, 0, 113, 200), 0};
    rig.apply(SetEndpoint{PeerIndex{0}, rig.from, service, true});
    rig.receive(rig.seal(100, 1, {}));  // to another address of ours
    rig.now = rig.now + kActivityInterval;
    rig.tick();
    CHECK(Rig::only<PeerRoamed>(rig.events()).empty());

    rig.from.port = 7'777;
    rig.receive(rig.seal(100, 2, {}));
    rig.now = rig.now + kActivityInterval;
    rig.tick();
    const auto roamed = Rig::only<PeerRoamed>(rig.events());
    REQUIRE(roamed.size() == 1);
    CHECK(roamed[0].remote.port == 7'777);
    CHECK(roamed[0].local == service);
}

TEST_CASE("a session is requested at most once a second while it is needed") {
    Rig rig = ready_rig();
    for (int i = 0; i < 100; ++i) rig.transmit(0, to_peer());
    CHECK(Rig::only<NeedSession>(rig.events()).size() == 1);
    rig.now = rig.now + std::chrono::milliseconds(999);
    rig.transmit(0, to_peer());
    CHECK(Rig::only<NeedSession>(rig.events()).empty());
    rig.now = rig.now + std::chrono::milliseconds(1);
    rig.transmit(0, to_peer());
    CHECK(Rig::only<NeedSession>(rig.events()).size() == 1);
}

TEST_CASE("A1: a prefix moves from one peer to another between two packets") {
    Rig rig;
    const auto put = [&](std::uint32_t owner) {
        Rig::CustomerSpec spec{.peers = {{0, {}}, {1, {}}}};
        spec.peers[owner].allowed_ips = {"10.7.0.0/16"};
        rig.put(spec);
    };
    put(0);
    for (std::uint32_t peer = 0; peer < 2; ++peer) {
        rig.set_endpoint(peer, "198.51.100.7:1111");
        rig.install(peer, 100 + peer, true);
    }
    rig.sent();
    for (std::uint32_t i = 0; i < 100; ++i) {
        put(i % 2);
        rig.transmit(0, hello("10.0.0.1", "10.7.1.1"));
        const auto sent = rig.sent();
        REQUIRE(sent.size() == 1);
        REQUIRE(sent[0].peer == PeerIndex{i % 2});
    }
}

TEST_CASE("a peer that moved to another customer belongs only to it") {
    Rig rig;
    rig.put({.index = 0});
    rig.install(0, 100, true);
    rig.put({.index = 1});
    rig.receive(rig.seal(100, 0, from_peer()));
    CHECK(rig.own_drops(DropReason::kReceiverIndexUnknown) == 1);
    rig.install(0, 200, true);
    rig.pipeline->drop_customer({0});
    rig.receive(rig.seal(200, 0, from_peer()));
    CHECK(rig.delivered().at(0).customer == CustomerIndex{1});
}

}  // namespace
}  // namespace warren::dataplane::test
