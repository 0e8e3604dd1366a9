// Packets from the network to a stack (conformance I, S, D and E).
#include <doctest/doctest.h>

#include <numeric>

#include "rig.h"

namespace warren::dataplane::test {
namespace {

const Packet kHello{'h', 'e', 'l', 'l', 'o'};

Packet hello_from(const char* source, const char* destination = nullptr, std::uint8_t traffic_class = 0) {
    IpFields fields;
    fields.source = *parse_ip(source);
    fields.destination = *parse_ip(destination != nullptr  ? destination
                                   : fields.source.is_v4() ? "10.0.0.1"
                                                           : "fd00:42::1");
    fields.traffic_class = traffic_class;
    return udp_packet(fields, 1000, 2000, kHello);
}

// A customer with one peer, a confirmed session with index 100, and no pending events.
Rig ready_rig() {
    Rig rig;
    rig.put({});
    rig.install(0, 100, true);
    rig.events();
    rig.sent();
    return rig;
}

TEST_CASE("a packet from an allowed source reaches the stack unchanged, without its padding") {
    Rig rig = ready_rig();
    std::uint64_t counter = 0;
    for (const char* source : {"10.0.0.2", "10.1.2.3", "fd00:1::9"}) {
        const Packet packet = hello_from(source);
        rig.receive(rig.seal(100, counter++, packet));
        const auto delivered = rig.delivered();
        REQUIRE(delivered.size() == 1);
        CHECK(delivered[0].packet == packet);
        CHECK(delivered[0].customer == CustomerIndex{0});
    }
    CHECK(rig.all_drops() == 0);
    CHECK(rig.traffic(0).rx_packets == 3);
    CHECK(rig.traffic(0).rx_bytes == (48 + 32) * 2 + (64 + 32));
}

TEST_CASE("D14: a datagram that is not a WireGuard message is counted and dropped") {
    Rig rig = ready_rig();
    for (const Packet& junk : {Packet{}, Packet{4}, Packet(31, 4), Packet(148, 9),
                               Packet{4, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}}) {
        rig.receive(junk);
    }
    CHECK(rig.own_drops(DropReason::kDatagramMalformed) == 5);
    CHECK(rig.delivered().empty());
    CHECK(rig.events().empty());
}

TEST_CASE("I2: a message with an unknown index is not opened") {
    Rig rig = ready_rig();
    rig.receive(rig.seal(101, 0, hello_from("10.0.0.2")));
    CHECK(rig.own_drops(DropReason::kReceiverIndexUnknown) == 1);
    CHECK(rig.delivered().empty());
}

TEST_CASE("I3: an index is invalid as soon as its session is retired") {
    Rig rig = ready_rig();
    rig.apply(RetireSession{{100}});
    rig.receive(rig.seal(100, 0, hello_from("10.0.0.2")));
    CHECK(rig.own_drops(DropReason::kReceiverIndexUnknown) == 1);
    CHECK(rig.delivered().empty());
    rig.apply(RetireSession{{100}});
    rig.apply(RetireSession{{12345}});
}

TEST_CASE("I4: only the session determines the customer, not the outer address") {
    Rig rig;
    rig.put({.index = 0, .peers = {{0, {"10.0.0.2/32"}}}});
    rig.put({.index = 1, .peers = {{1, {"10.0.0.2/32"}}}});
    rig.install(0, 100, true);
    rig.install(1, 200, true);
    // The same inner packet, the same outer address, one session each.
    rig.receive({rig.seal(100, 0, hello_from("10.0.0.2")), rig.seal(200, 0, hello_from("10.0.0.2"))});
    const auto delivered = rig.delivered();
    REQUIRE(delivered.size() == 2);
    CHECK(delivered[0].customer == CustomerIndex{0});
    CHECK(delivered[1].customer == CustomerIndex{1});
}

TEST_CASE("a session accepts messages only from its own listener") {
    Rig rig;
    rig.put({.listener = 3});
    rig.install(0, 100, true);
    const Packet message = rig.seal(100, 0, hello_from("10.0.0.2"));
    rig.receive(message);
    CHECK(rig.drops(DropReason::kListenerMismatch) == 1);
    CHECK(rig.delivered().empty());
    rig.listener = 3;
    rig.receive(message);
    CHECK(rig.delivered().size() == 1);
}

TEST_CASE("forged messages cost at most a session's budget; messages from the peer's endpoint are still opened") {
    Rig rig = ready_rig();
    const Endpoint home = rig.from;
    const Endpoint elsewhere = *parse_endpoint("192.0.2.66:6666");
    std::uint64_t counter = 0;
    const auto forge = [&](const Endpoint& from, int count) {
        rig.from = from;
        Packet message = rig.seal(100, 1'000, hello_from("10.0.0.2"));
        message.back() ^= 1;
        for (int i = 0; i < count; ++i) rig.receive(message);
    };
    const auto is_heard_from = [&](const Endpoint& from) {
        rig.from = from;
        rig.receive(rig.seal(100, ++counter, hello_from("10.0.0.2")));
        return !rig.delivered().empty();
    };
    REQUIRE(is_heard_from(home));

    const auto budget = static_cast<std::uint64_t>(kForgeries.burst);
    forge(elsewhere, 2'000);
    CHECK(rig.drops(DropReason::kAuthenticationFailed) <= budget + 1);
    CHECK(rig.drops(DropReason::kAuthenticationFailed) >= budget);
    CHECK(rig.drops(DropReason::kAuthenticationFailed) + rig.drops(DropReason::kForgeryBudgetSpent) == 2'000);
    CHECK_FALSE(is_heard_from(elsewhere));
    CHECK(is_heard_from(home));
    // They take no place in the customer's backlog either.
    for (const bool is_home : {false, true}) {
        Packet message = rig.seal(100, counter + 1, hello_from("10.0.0.2"));
        const Train train{{0}, is_home ? home : elsewhere, rig.to, 0, 0, message};
        std::vector<CustomerTrain> parts;
        rig.pipeline->sort(rig.now, std::span(&train, 1), parts);
        REQUIRE(parts.size() == 1);
        CHECK(parts[0].is_forged == !is_home);
    }

    // From the peer's own address they are opened, and add nothing to the budget.
    forge(home, 2'000);
    rig.now = rig.now + std::chrono::milliseconds(5);
    CHECK(is_heard_from(elsewhere));
}

TEST_CASE("S8: a forged message changes nothing but a counter") {
    Rig rig = ready_rig();
    rig.receive(rig.seal(100, 5, hello_from("10.0.0.2")));
    rig.tick();
    rig.now = rig.now + std::chrono::seconds(1);
    rig.tick();
    rig.events();
    rig.delivered();
    const TrafficCounters before = rig.traffic(0);

    rig.from = *parse_endpoint("192.0.2.66:6666");
    for (const std::uint64_t counter : {6U, 20'000U}) {
        for (const std::size_t place : {8U, 16U, 20U, 79U}) {
            Packet message = rig.seal(100, counter, hello_from("10.0.0.2"));
            message[place] ^= 0x10;
            rig.receive(message);
        }
    }
    CHECK(rig.drops(DropReason::kAuthenticationFailed) == 8);
    CHECK(rig.delivered().empty());
    CHECK(rig.traffic(0).rx_packets == before.rx_packets);
    CHECK(rig.traffic(0).rx_bytes == before.rx_bytes);
    rig.now = rig.now + std::chrono::seconds(1);
    rig.tick();
    CHECK(rig.events().empty());  // no stamp, no roaming
    rig.transmit(0, hello_from("10.0.0.1", "10.0.0.2"));
    CHECK(rig.sent().at(0).remote == *parse_endpoint("198.51.100.7:1111"));
    // The window has not moved: what is newer than the last authentic message, and what is older, still comes in.
    rig.receive(rig.seal(100, 6, hello_from("10.0.0.2")));
    rig.receive(rig.seal(100, 4, hello_from("10.0.0.2")));
    CHECK(rig.delivered().size() == 2);
}

TEST_CASE("S8: a forged first message does not confirm a session") {
    Rig rig;
    rig.put({});
    rig.install(0, 100, false);
    Packet message = rig.seal(100, 0, {});
    message.back() ^= 1;
    rig.receive(message);
    CHECK(rig.events().empty());
    rig.receive(rig.seal(100, 0, {}));
    CHECK(Rig::only<SessionConfirmed>(rig.events()).size() == 1);
}

TEST_CASE("S7: a repeated message is dropped, also in the same batch") {
    Rig rig = ready_rig();
    const Packet message = rig.seal(100, 0, hello_from("10.0.0.2"));
    rig.receive({message, message, message});
    CHECK(rig.delivered().size() == 1);
    CHECK(rig.drops(DropReason::kReplayDuplicate) == 2);
    rig.receive(message);
    CHECK(rig.drops(DropReason::kReplayDuplicate) == 3);
    CHECK(rig.traffic(0).rx_packets == 1);
}

TEST_CASE("S7: a message reordered by 8127 or 8128 is accepted, by 8129 it is not") {
    Rig rig = ready_rig();
    rig.receive(rig.seal(100, 9'000, hello_from("10.0.0.2")));
    rig.receive(rig.seal(100, 9'000 - 8127, hello_from("10.0.0.2")));
    rig.receive(rig.seal(100, 9'000 - 8128, hello_from("10.0.0.2")));
    CHECK(rig.delivered().size() == 3);
    rig.receive(rig.seal(100, 9'000 - 8129, hello_from("10.0.0.2")));
    CHECK(rig.delivered().empty());
    CHECK(rig.drops(DropReason::kReplayTooOld) == 1);
}

TEST_CASE("S4: nothing is received at REJECT_AFTER_TIME") {
    Rig rig = ready_rig();
    rig.now = rig.now + std::chrono::seconds(180) - Duration(1);
    rig.receive(rig.seal(100, 0, hello_from("10.0.0.2")));
    CHECK(rig.delivered().size() == 1);
    rig.now = rig.now + Duration(1);
    rig.receive(rig.seal(100, 1, hello_from("10.0.0.2")));
    CHECK(rig.delivered().empty());
    CHECK(rig.drops(DropReason::kSessionExpired) == 1);
}

TEST_CASE("S4: nothing is received at REJECT_AFTER_MESSAGES") {
    constexpr std::uint64_t kReject = UINT64_MAX - (1U << 13);
    Rig rig = ready_rig();
    rig.receive(rig.seal(100, kReject - 1, hello_from("10.0.0.2")));
    CHECK(rig.delivered().size() == 1);
    rig.receive(rig.seal(100, kReject, hello_from("10.0.0.2")));
    rig.receive(rig.seal(100, UINT64_MAX, hello_from("10.0.0.2")));
    CHECK(rig.delivered().empty());
    CHECK(rig.drops(DropReason::kCounterExhausted) == 2);
}

TEST_CASE("S5: past rekey_after_receiving a received message requests a session, once") {
    Rig rig = ready_rig();
    rig.now = kStart + std::chrono::seconds(165) - Duration(1);
    rig.receive(rig.seal(100, 0, hello_from("10.0.0.2")));
    CHECK(Rig::only<NeedSession>(rig.events()).empty());
    rig.now = kStart + std::chrono::seconds(165);
    rig.receive(rig.seal(100, 1, hello_from("10.0.0.2")));
    CHECK(Rig::only<NeedSession>(rig.events()).size() == 1);
    rig.now = rig.now + std::chrono::seconds(5);
    rig.receive(rig.seal(100, 2, hello_from("10.0.0.2")));
    CHECK(Rig::only<NeedSession>(rig.events()).empty());
}

TEST_CASE("S1, S2: a responder's session sends after its first message, and waiting packets leave then") {
    Rig rig;
    rig.put({});
    rig.set_endpoint(0, "198.51.100.7:1111");
    rig.install(0, 100, false);
    rig.transmit(0, hello_from("10.0.0.1", "10.0.0.2"));
    CHECK(rig.sent().empty());
    CHECK(Rig::only<NeedSession>(rig.events()).size() == 1);
    rig.receive(rig.seal(100, 0, {}));
    const auto confirmed = Rig::only<SessionConfirmed>(rig.events());
    REQUIRE(confirmed.size() == 1);
    CHECK(confirmed[0].local_id == SessionId{100});
    const auto sent = rig.sent();
    REQUIRE(sent.size() == 1);
    CHECK(rig.open(100, sent[0]).size() == 48);
    rig.receive(rig.seal(100, 1, {}));
    CHECK(Rig::only<SessionConfirmed>(rig.events()).empty());
}

TEST_CASE("S1: the old session sends until the new one is confirmed, and still accepts late messages afterwards") {
    Rig rig = ready_rig();
    rig.install(0, 200, false);
    rig.set_endpoint(0, "198.51.100.7:1111");
    rig.transmit(0, hello_from("10.0.0.1", "10.0.0.2"));
    CHECK(rig.open(100, rig.sent().at(0)).size() == 48);
    rig.receive(rig.seal(200, 0, hello_from("10.0.0.2")));
    rig.transmit(0, hello_from("10.0.0.1", "10.0.0.2"));
    CHECK(rig.open(200, rig.sent().at(0)).size() == 48);
    rig.receive(rig.seal(100, 0, hello_from("10.0.0.2")));
    CHECK(rig.delivered().size() == 2);
    rig.transmit(0, hello_from("10.0.0.1", "10.0.0.2"));
    CHECK(rig.open(200, rig.sent().at(0)).size() == 48);
}

TEST_CASE("S1: of two unconfirmed sessions only the newest can become the sending one") {
    Rig rig = ready_rig();
    rig.install(0, 200, false);
    rig.install(0, 300, false);
    rig.receive(rig.seal(200, 0, {}));
    CHECK(Rig::only<SessionConfirmed>(rig.events()).empty());
    rig.receive(rig.seal(300, 0, {}));
    CHECK(Rig::only<SessionConfirmed>(rig.events()).at(0).local_id == SessionId{300});
    // An unconfirmed session that one of ours has overtaken cannot either.
    rig.install(0, 400, false);
    rig.install(0, 500, true);
    rig.receive(rig.seal(400, 0, {}));
    CHECK(Rig::only<SessionConfirmed>(rig.events()).empty());
}

TEST_CASE("D2: a keepalive is counted and never reaches the stack") {
    Rig rig = ready_rig();
    rig.receive(rig.seal(100, 0, {}));
    CHECK(rig.delivered().empty());
    CHECK(rig.all_drops() == 0);
    CHECK(rig.traffic(0).rx_packets == 1);
    CHECK(rig.traffic(0).rx_bytes == 32);
    rig.now = rig.now + std::chrono::seconds(1);
    rig.tick();
    const auto activity = Rig::only<PeerActivity>(rig.events());
    REQUIRE(activity.size() == 1);
    CHECK(activity[0].last_received == kStart);
    CHECK(activity[0].last_data_received == kLongAgo);
    CHECK(activity[0].first_unanswered_data_received == kLongAgo);
}

TEST_CASE("D3: a message without a valid IP packet is dropped, but still authenticates the peer") {
    Rig rig = ready_rig();
    Packet jumbogram = hello_from("fd00:1::9");
    jumbogram[4] = jumbogram[5] = 0;
    jumbogram[6] = 0;
    rig.receive(rig.seal(100, 0, Packet(16, 0x50)));
    rig.receive(rig.seal(100, 1, Packet(1, 0x45)));
    rig.receive(rig.seal(100, 2, jumbogram));
    CHECK(rig.drops(DropReason::kInnerMalformed) == 2);
    CHECK(rig.drops(DropReason::kInnerJumbogram) == 1);
    CHECK(rig.delivered().empty());
    CHECK(rig.traffic(0).rx_packets == 3);
}

TEST_CASE("D4: a source that belongs to another peer's longer prefix is dropped") {
    Rig rig;
    rig.put({.peers = {{0, {"10.1.0.0/16", "fd00:1::/64"}}, {1, {"10.1.7.0/24", "fd00:1::7/128"}}}});
    rig.install(0, 100, true);
    rig.install(1, 200, true);
    rig.receive(rig.seal(100, 0, hello_from("10.1.7.1")));
    rig.receive(rig.seal(100, 1, hello_from("fd00:1::7")));
    CHECK(rig.delivered().empty());
    CHECK(rig.drops(DropReason::kSourceNotAllowed) == 2);
    rig.receive(rig.seal(200, 0, hello_from("10.1.7.1")));
    rig.receive(rig.seal(200, 1, hello_from("fd00:1::7")));
    rig.receive(rig.seal(100, 2, hello_from("10.1.8.1")));
    rig.receive(rig.seal(100, 3, hello_from("fd00:1::8")));
    CHECK(rig.delivered().size() == 4);
    // And the reverse: the owner of the longer prefix does not own the shorter one.
    rig.receive(rig.seal(200, 2, hello_from("10.1.8.1")));
    CHECK(rig.drops(DropReason::kSourceNotAllowed) == 3);
}

TEST_CASE("D4: a source that was accepted before is refused after its prefix has moved to another peer") {
    Rig rig;
    rig.put({.peers = {{0, {"10.1.0.0/16"}}, {1, {}}}});
    rig.install(0, 100, true);
    rig.receive(rig.seal(100, 0, hello_from("10.1.0.9")));
    CHECK(rig.delivered().size() == 1);
    rig.put({.peers = {{0, {}}, {1, {"10.1.0.0/16"}}}});
    rig.receive(rig.seal(100, 1, hello_from("10.1.0.9")));
    CHECK(rig.delivered().empty());
    CHECK(rig.drops(DropReason::kSourceNotAllowed) == 1);
}

TEST_CASE("D4: even with 0.0.0.0/0 allowed, impossible sources and the stack's own are refused") {
    Rig rig;
    rig.put({.peers = {{0, {"0.0.0.0/0", "::/0"}}}});
    rig.install(0, 100, true);
    std::uint64_t counter = 0;
    for (const char* martian :
         {"0.0.0.0", "127.0.0.1", "224.0.0.5", "255.255.255.255", "::", "::1", "ff02::5", "::ffff:10.0.0.2"}) {
        rig.receive(rig.seal(100, counter++, hello_from(martian)));
    }
    CHECK(rig.drops(DropReason::kSourceMartian) == 8);
    for (const char* own : {"10.0.0.1", "fd00:42::1"}) rig.receive(rig.seal(100, counter++, hello_from(own)));
    CHECK(rig.drops(DropReason::kSourceIsStack) == 2);
    CHECK(rig.delivered().empty());
    // The cached result for an accepted source does not apply to the next one.
    rig.receive(rig.seal(100, counter++, hello_from("192.0.2.1")));
    CHECK(rig.delivered().size() == 1);
    rig.receive(rig.seal(100, counter++, hello_from("127.0.0.1")));
    CHECK(rig.delivered().empty());
}

TEST_CASE("D5: a packet with a refused source still authenticates the peer and moves its endpoint") {
    Rig rig;
    rig.put({});
    rig.install(0, 100, false);
    rig.from = *parse_endpoint("192.0.2.9:9999");
    rig.receive(rig.seal(100, 0, hello_from("172.16.0.1")));
    CHECK(rig.delivered().empty());
    CHECK(rig.drops(DropReason::kSourceNotAllowed) == 1);
    // The endpoint first, so that the control worker knows it when the handshake is complete.
    const auto news = rig.events();
    REQUIRE(news.size() == 2);
    CHECK(std::get<PeerRoamed>(news[0]).remote == *parse_endpoint("192.0.2.9:9999"));
    CHECK(std::holds_alternative<SessionConfirmed>(news[1]));
    rig.transmit(0, hello_from("10.0.0.1", "10.0.0.2"));
    CHECK(rig.sent().at(0).remote == *parse_endpoint("192.0.2.9:9999"));
    CHECK(rig.traffic(0).rx_packets == 1);
    rig.now = rig.now + std::chrono::seconds(1);
    rig.tick();
    const auto events = rig.events();
    CHECK(Rig::only<PeerRoamed>(events).empty());
    CHECK(Rig::only<PeerActivity>(events).at(0).last_data_received == kStart);
}

TEST_CASE(
    "D7: packets for a peer whose endpoint is not known yet wait for its first message on a session it asked for") {
    Rig rig;
    rig.put({});
    rig.transmit(0, hello_from("10.0.0.1", "10.0.0.2"));
    CHECK(rig.drops(DropReason::kNoEndpoint) == 1);
    rig.install(0, 100, false);
    rig.transmit(0, hello_from("10.0.0.1", "10.0.0.2"));
    CHECK(rig.drops(DropReason::kNoEndpoint) == 1);
    CHECK(rig.sent().empty());
    rig.receive(rig.seal(100, 0, {}));
    REQUIRE(rig.sent().size() == 1);
    // Its sessions do not carry packets to nowhere.
    rig.put({.peers = {}});
    rig.put({});
    rig.install(0, 200, true);
    rig.install(0, 300, false);
    rig.transmit(0, hello_from("10.0.0.1", "10.0.0.2"));
    CHECK(rig.drops(DropReason::kNoEndpoint) == 2);
    CHECK(rig.sent().empty());
}

TEST_CASE("D9: the outer congestion mark is applied as in RFC 6040, and DSCP is unchanged") {
    Rig rig = ready_rig();
    std::uint64_t counter = 0;
    for (const char* source : {"10.0.0.2", "fd00:1::9"}) {
        for (unsigned inner = 0; inner < 4; ++inner) {
            for (unsigned outer = 0; outer < 4; ++outer) {
                rig.traffic_class = static_cast<std::uint8_t>(0x88 | outer);
                rig.receive(rig.seal(100, counter++,
                                     hello_from(source, nullptr, static_cast<std::uint8_t>(0x2c << 2 | inner))));
                const auto expected = decapsulated_ecn(static_cast<Ecn>(outer), static_cast<Ecn>(inner));
                const auto delivered = rig.delivered();
                REQUIRE(delivered.size() == (expected ? 1 : 0));
                if (!expected) continue;
                const auto wanted = static_cast<std::uint8_t>(0x2c << 2 | static_cast<unsigned>(*expected));
                CHECK(delivered[0].packet == hello_from(source, nullptr, wanted));
            }
        }
    }
    CHECK(rig.drops(DropReason::kEcnCongestionLost) == 2);
}

TEST_CASE("E1: the endpoint follows the newest authentic message, also a keepalive, but no replay and no late one") {
    Rig rig = ready_rig();
    const auto towards = [&] {
        rig.transmit(0, hello_from("10.0.0.1", "10.0.0.2"));
        return rig.sent().at(0);
    };
    const Packet early = rig.seal(100, 10, hello_from("10.0.0.2"));
    rig.receive(early);
    CHECK(towards().remote == *parse_endpoint("198.51.100.7:1111"));
    CHECK(towards().local == rig.to);

    rig.from = *parse_endpoint("[2001:db8::9]:2222");
    rig.to = {*parse_ip("2001:db8::1"), 3};
    rig.receive(rig.seal(100, 11, {}));
    CHECK(towards().remote == *parse_endpoint("[2001:db8::9]:2222"));
    CHECK(towards().local == rig.to);

    rig.from = *parse_endpoint("192.0.2.66:6666");
    rig.receive(early);
    CHECK(rig.drops(DropReason::kReplayDuplicate) == 1);
    CHECK(towards().remote == *parse_endpoint("[2001:db8::9]:2222"));
    rig.receive(rig.seal(100, 9, hello_from("10.0.0.2")));  // authentic, but sent before the peer moved
    CHECK(towards().remote == *parse_endpoint("[2001:db8::9]:2222"));
    rig.receive(rig.seal(100, 12, {}));
    CHECK(towards().remote == *parse_endpoint("192.0.2.66:6666"));
}

TEST_CASE("E1: a message of an older session does not move the endpoint of a newer one") {
    Rig rig = ready_rig();
    rig.now = rig.now + std::chrono::seconds(120);
    rig.install(0, 200, true);
    rig.from = *parse_endpoint("192.0.2.9:9999");
    rig.receive(rig.seal(200, 0, {}));
    rig.from = *parse_endpoint("198.51.100.7:1111");
    rig.receive(rig.seal(100, 50, {}));
    rig.sent();
    rig.transmit(0, hello_from("10.0.0.1", "10.0.0.2"));
    CHECK(rig.sent().at(0).remote == *parse_endpoint("192.0.2.9:9999"));
}

TEST_CASE("a suspended customer has no sessions and gets none, so its peers' messages are not opened") {
    Rig rig = ready_rig();
    rig.put({.suspended = true});
    rig.receive(rig.seal(100, 0, hello_from("10.0.0.2")));
    CHECK(rig.delivered().empty());
    CHECK(rig.own_drops(DropReason::kReceiverIndexUnknown) == 1);  // its sessions are removed
    rig.install(0, 101, true);
    rig.receive(rig.seal(101, 0, hello_from("10.0.0.2")));
    CHECK(rig.delivered().empty());
    rig.put({});
    rig.install(0, 102, true);
    rig.receive(rig.seal(102, 0, hello_from("10.0.0.2")));
    CHECK(rig.delivered().size() == 1);
}

TEST_CASE("a removed customer's sessions are removed; another customer in its place starts with none") {
    Rig rig = ready_rig();
    const Packet message = rig.seal(100, 0, hello_from("10.0.0.2"));
    rig.pipeline->drop_customer({0});
    rig.receive(message);
    CHECK(rig.own_drops(DropReason::kReceiverIndexUnknown) == 1);
    rig.put({});
    rig.receive(message);
    CHECK(rig.own_drops(DropReason::kReceiverIndexUnknown) == 2);
    CHECK(rig.traffic(0).rx_packets == 0);
    CHECK(rig.delivered().empty());
}

TEST_CASE("a peer that is not in the new view is removed, the others keep their sessions") {
    Rig rig;
    rig.put({.peers = {{0, {"10.0.0.2/32"}}, {1, {"10.0.0.3/32"}}}});
    rig.install(0, 100, true);
    rig.install(1, 200, true);
    rig.put({.peers = {{1, {"10.0.0.3/32"}}}});
    rig.receive({rig.seal(100, 0, hello_from("10.0.0.2")), rig.seal(200, 0, hello_from("10.0.0.3"))});
    CHECK(rig.delivered().size() == 1);
    CHECK(rig.own_drops(DropReason::kReceiverIndexUnknown) == 1);
    CHECK(rig.pipeline->traffic({0}) == nullptr);
}

TEST_CASE("D12: a GRO train of mixed content is split at its segment size, including a short tail") {
    Rig rig = ready_rig();
    for (const std::size_t tail : {32U, 79U, 80U}) {
        static std::uint64_t counter = 0;
        std::vector<std::uint8_t> train;
        for (int i = 0; i < 40; ++i) {
            Packet message = rig.seal(100, counter++, hello_from("10.0.0.2"));
            if (i % 7 == 3) message[0] = 9;       // junk in the middle
            if (i % 7 == 4) message.back() ^= 1;  // a forgery
            train.insert(train.end(), message.begin(), message.end());
        }
        Packet last = tail == 32 ? rig.seal(100, counter++, {}) : Packet(tail, 4);
        train.insert(train.end(), last.begin(), last.end());
        const Train batch{{0}, rig.from, rig.to, 0, 80, train};
        rig.pipeline->inbound(rig.now, std::span(&batch, 1), rig.out);
        std::size_t packets = 0;
        for (const TunWrite& write : rig.out.tun_writes) packets += write.packets;
        CHECK(packets == 28);
        rig.out.clear();
    }
    CHECK(rig.drops(DropReason::kAuthenticationFailed) == 18);
    CHECK(rig.own_drops(DropReason::kDatagramMalformed) == 18 + 2);
}

TEST_CASE("D12: the largest datagram, and trains of its size, are received whole") {
    Rig rig;
    rig.put({.mtu = 65'472});
    rig.install(0, 100, true);
    IpFields fields;
    std::mt19937 random(1);
    const Packet packet = udp_packet(fields, 1, 2, random_bytes(random, 65'472 - 28));
    rig.receive({rig.seal(100, 0, packet), rig.seal(100, 1, packet)});
    const auto delivered = rig.delivered();
    REQUIRE(delivered.size() == 2);
    CHECK(delivered[1].packet == packet);
}

TEST_CASE("handshake messages at a data socket are passed on, at most as many as a batch holds") {
    Rig rig = ready_rig();
    Packet initiation(148);
    initiation[0] = 1;
    std::vector<Packet> flood(100, initiation);
    std::vector<Train> trains;
    for (Packet& datagram : flood) trains.push_back({{0}, rig.from, rig.to, 0, 0, datagram});
    rig.pipeline->inbound(rig.now, trains, rig.out);
    REQUIRE(rig.out.strays.size() == 64);
    CHECK(rig.out.strays[63].train == 63);
    CHECK(rig.out.strays[63].bytes.size() == 148);
    CHECK(rig.own_drops(DropReason::kHandshakeQueueFull) == 36);
}

TEST_CASE("random datagrams and mutated messages do no harm, and no mutated message is delivered") {
    std::mt19937 random(42);
    Rig rig = ready_rig();
    for (std::uint64_t i = 0; i < 3'000; ++i) {
        Packet message = rig.seal(100, i, hello_from("10.0.0.2"));
        if (i % 3 == 0) {
            message = random_bytes(random, random() % 200);
        } else if (i % 3 == 1) {
            message.resize(random() % message.size());
        } else {
            message[random() % message.size()] ^= static_cast<std::uint8_t>(1 + random() % 255);
        }
        rig.receive(message);
    }
    CHECK(rig.delivered().empty());
    CHECK(rig.all_drops() == 3'000);
    CHECK(rig.traffic(0).rx_packets == 0);
}

}  // namespace
}  // namespace warren::dataplane::test
