// The effects of time: retransmission, keepalives, new handshakes, renewal.
#include <set>

#include "tests/unit/wireguard/harness.h"
#include "vpnd/wireguard/initiation_budget.h"
#include "vpnd/wireguard/peer.h"

namespace warren::wireguard {
namespace {

using namespace testing;
using dataplane::SendKeepalive;

// The data plane's reports about the only peer.
struct Stamps {
    Instant first_unanswered_data_sent = kLongAgo;
    Instant last_data_sent = kLongAgo;
    Instant first_unanswered_data_received = kLongAgo;
    Instant last_data_received = kLongAgo;
    Instant last_sent = kLongAgo;
    Instant last_received = kLongAgo;
};

struct TimedHub : Hub {
    TimedHub() : peer(make_peer()) {}
    // A session that the peer started, `endpoint_at(1)`.
    void connected() {
        put(peer);
        connect(peer);
    }
    void report(const Stamps& stamps) {
        tell(dataplane::PeerActivity{PeerIndex{0}, stamps.first_unanswered_data_sent, stamps.last_data_sent,
                                     stamps.last_sent, stamps.first_unanswered_data_received, stamps.last_data_received,
                                     stamps.last_received});
    }
    ScriptedPeer peer;
};

TEST_CASE("T1: twenty initiations, each 5 s and a jitter after the one before, then silence and a report") {
    TimedHub hub;
    hub.put_with_endpoint(hub.peer, endpoint_at(1));
    hub.need_session();
    REQUIRE(hub.messages_of(MessageType::kInitiation) == 1);
    std::size_t sent = 1;
    std::size_t gave_up = 0;
    std::set<std::uint32_t> indexes;
    Instant last = hub.now.instant;
    std::set<std::int64_t> gaps;
    while (hub.engine.next_deadline() != kNever) {
        hub.advance(hub.engine.next_deadline() - hub.now.instant);
        hub.out.clear();
        hub.engine.handle_timeout(hub.now, hub.out);
        if (hub.messages_of(MessageType::kInitiation) == 1) {
            ++sent;
            const Duration gap = hub.now.instant - last;
            CHECK(gap >= 5s);
            CHECK(gap <= 5s + 333ms);
            gaps.insert(gap.count());
            CHECK(indexes.insert(parse_initiation(hub.out.messages[0].view())->sender).second);
            last = hub.now.instant;
        }
        if (hub.news<HandshakeGaveUp>() == 1) {
            ++gave_up;
            CHECK(hub.commands<dataplane::PurgeStaged>().size() == 1);
            CHECK(hub.out.messages.empty());
        }
    }
    CHECK(sent == 20);
    CHECK(gave_up == 1);
    CHECK(gaps.size() > 10);  // jitter
    CHECK(hub.indexes.size() == 0);
    CHECK_FALSE(hub.engine.peer_status(PeerIndex{0})->is_handshaking);
    CHECK(hub.engine.counters().handshakes_given_up == 1);

    hub.run(3600s);
    CHECK(hub.is_silent());
    hub.need_session();
    CHECK(hub.messages_of(MessageType::kInitiation) == 1);
    std::size_t again = 1;
    for (int i = 0; i < 400; ++i) {
        hub.run(500ms);
        again += hub.messages_of(MessageType::kInitiation);
    }
    CHECK(again == 20);
}

TEST_CASE("T1: further packets neither hasten the retransmissions nor prevent giving up") {
    TimedHub hub;
    hub.put_with_endpoint(hub.peer, endpoint_at(1));
    hub.need_session();
    std::size_t sent = hub.messages_of(MessageType::kInitiation);
    while (hub.engine.counters().handshakes_given_up == 0 && sent < 30) {
        hub.need_session();
        sent += hub.messages_of(MessageType::kInitiation);
        hub.run(1s);
        sent += hub.messages_of(MessageType::kInitiation);
    }
    CHECK(sent == 20);
}

TEST_CASE("T1, E2: every initiation leaves from the address that the peer last sent to, until we give up") {
    TimedHub hub;
    hub.connected();
    hub.run(200s);
    hub.need_session();
    std::size_t sent = 0;
    while (hub.engine.counters().handshakes_given_up == 0) {
        for (const auto& message : hub.out.messages) CHECK(message.from == hub.local);
        sent += hub.messages_of(MessageType::kInitiation);
        hub.run(1s);
    }
    CHECK(sent == 20);
    CHECK(hub.commands<dataplane::ClearLocalAddress>().size() == 1);
    hub.run(10s);
    hub.need_session();
    REQUIRE(hub.messages_of(MessageType::kInitiation) == 1);
    CHECK(hub.out.messages[0].from == LocalAddress{});
}

TEST_CASE("T2: a peer gets at most one initiation in 5 s, whatever requests it") {
    TimedHub hub;
    hub.put_with_endpoint(hub.peer, endpoint_at(1));
    std::size_t sent = 0;
    Instant last = kLongAgo;
    for (int i = 0; i < 2000; ++i) {
        const auto look = [&] {
            if (hub.messages_of(MessageType::kInitiation) == 0) return;
            CHECK(hub.messages_of(MessageType::kInitiation) == 1);
            CHECK(hub.now.instant - last >= 5s);
            last = hub.now.instant;
            ++sent;
        };
        hub.need_session();
        look();
        hub.report({.first_unanswered_data_sent = at(0s).instant,
                    .last_data_sent = hub.now.instant,
                    .last_sent = hub.now.instant});
        look();
        hub.out.clear();
        hub.advance(100ms);
        hub.engine.handle_timeout(hub.now, hub.out);
        look();
    }
    CHECK(sent >= 36);
    CHECK(sent <= 41);
}

TEST_CASE("T2: we do not initiate immediately after our response either") {
    TimedHub hub;
    hub.put_with_endpoint(hub.peer, endpoint_at(1));
    hub.deliver(hub.peer.initiate(7, hub.timestamp()));
    hub.advance(1s);
    hub.need_session();
    CHECK(hub.out.messages.empty());
    hub.run(3900ms);
    CHECK(hub.out.messages.empty());
    hub.run(200ms);  // it was never confirmed
    CHECK(hub.messages_of(MessageType::kInitiation) == 1);
}

TEST_CASE("A request that a new session has already met starts nothing") {
    TimedHub hub;
    hub.put(hub.peer);
    hub.deliver(hub.peer.initiate(7, hub.timestamp()));
    const SessionId index = hub.commands<dataplane::InstallSession>().at(0)->local_id;
    hub.need_session();
    hub.tell(dataplane::SessionConfirmed{PeerIndex{0}, index});
    hub.need_session();
    hub.run(100s);
    CHECK(hub.out.messages.empty());
}

TEST_CASE("H18: a first connection takes one initiation, and none follows") {
    TimedHub hub;
    hub.put_with_endpoint(hub.peer, endpoint_at(1));
    hub.need_session();
    REQUIRE(hub.messages_of(MessageType::kInitiation) == 1);
    const auto answer = hub.peer.respond(hub.out.messages[0].view(), 1);
    hub.need_session();  // requested again before the response
    CHECK(hub.is_silent());
    hub.deliver(answer->bytes);
    hub.need_session();
    CHECK(hub.is_silent());
    hub.run(100s);
    CHECK(hub.out.messages.empty());
}

TEST_CASE("Without an endpoint no initiation is sent") {
    TimedHub hub;
    hub.put(hub.peer);
    hub.need_session();
    CHECK(hub.is_silent());
    CHECK(hub.engine.next_deadline() == kNever);
}

TEST_CASE("S5: an old session starts a new handshake and stays until it is complete") {
    TimedHub hub;
    hub.put_with_endpoint(hub.peer, endpoint_at(1));
    hub.need_session();
    hub.deliver(hub.peer.respond(hub.out.messages.at(0).view(), 1)->bytes);
    hub.run(120s);
    hub.need_session();
    CHECK(hub.messages_of(MessageType::kInitiation) == 1);
    CHECK(hub.out.commands.empty());
    hub.deliver(hub.peer.respond(hub.out.messages.at(0).view(), 2)->bytes);
    CHECK(hub.commands<dataplane::InstallSession>().size() == 1);
    CHECK(hub.commands<dataplane::RetireSession>().empty());
}

TEST_CASE("T5: data without an answer for 15 s and a jitter starts a handshake") {
    TimedHub hub;
    hub.connected();
    hub.advance(20s);
    const Instant sent = hub.now.instant;
    hub.report({.first_unanswered_data_sent = sent, .last_data_sent = sent, .last_sent = sent});
    hub.run(15s);
    CHECK(hub.out.messages.empty());
    hub.run(333ms + dataplane::kActivityInterval);
    REQUIRE(hub.messages_of(MessageType::kInitiation) == 1);
    CHECK(hub.out.messages[0].from == hub.local);
}

TEST_CASE("T5: data that was answered starts nothing") {
    TimedHub hub;
    hub.connected();
    hub.advance(20s);
    const Instant sent = hub.now.instant;
    hub.report({.first_unanswered_data_sent = sent, .last_data_sent = sent, .last_sent = sent});
    hub.run(14s);
    hub.report({.last_data_sent = sent, .last_sent = sent, .last_received = hub.now.instant});
    hub.run(60s);
    CHECK(hub.out.messages.empty());
}

TEST_CASE("T5: an authentic handshake message also counts as an answer to data") {
    TimedHub hub;
    hub.connected();
    hub.advance(20s);
    const Instant sent = hub.now.instant;
    hub.report({.first_unanswered_data_sent = sent, .last_data_sent = sent, .last_sent = sent});
    hub.run(14s);
    hub.deliver(hub.peer.initiate(9, hub.timestamp()));
    hub.run(60s);
    CHECK(hub.out.messages.empty());
}

TEST_CASE("T3, T4: received data without a send for 10 s causes one keepalive, counted from reception") {
    TimedHub hub;
    hub.connected();
    hub.advance(60s);  // idle: the last send was long ago
    const Instant received = hub.now.instant;
    hub.report({.first_unanswered_data_received = received, .last_data_received = received, .last_received = received});
    hub.run(9999ms);
    CHECK(hub.out.commands.empty());
    hub.run(1ms);
    REQUIRE(hub.commands<SendKeepalive>().size() == 1);
    const SendKeepalive first = *hub.commands<SendKeepalive>()[0];
    CHECK(first.unless_sent_since > received);
    CHECK(first.unless_sent_since <= received + 1ms);
    CHECK(first.unless_received_since == kNever);
    hub.report({.last_data_received = received, .last_sent = hub.now.instant, .last_received = received});
    hub.run(60s);
    CHECK(hub.commands<SendKeepalive>().empty());
}

TEST_CASE("T3: a keepalive is not answered with a keepalive") {
    TimedHub hub;
    hub.connected();
    hub.advance(60s);
    hub.report({.last_received = hub.now.instant});
    hub.run(60s);
    CHECK(hub.out.commands.empty());
    CHECK(hub.out.messages.empty());
}

TEST_CASE("T3: more data during the wait causes one more keepalive") {
    TimedHub hub;
    hub.connected();
    hub.advance(60s);
    const Instant first = hub.now.instant;
    hub.report({.first_unanswered_data_received = first, .last_data_received = first, .last_received = first});
    hub.run(5s);
    const Instant second = hub.now.instant;
    hub.report({.first_unanswered_data_received = first, .last_data_received = second, .last_received = second});
    hub.run(5s);
    REQUIRE(hub.commands<SendKeepalive>().size() == 1);
    const Instant kept = hub.now.instant;
    hub.report({.last_data_received = second, .last_sent = kept, .last_received = second});
    hub.run(9900ms);
    CHECK(hub.commands<SendKeepalive>().empty());
    hub.run(200ms);
    REQUIRE(hub.commands<SendKeepalive>().size() == 1);
    CHECK(hub.commands<SendKeepalive>()[0]->unless_sent_since > kept);
    hub.report({.last_data_received = second, .last_sent = hub.now.instant, .last_received = second});
    hub.run(60s);
    CHECK(hub.commands<SendKeepalive>().empty());
}

TEST_CASE("T3: a packet sent after the first keepalive, or instead of it, replaces the second") {
    for (const Duration sent_at : {9950ms, 15000ms}) {
        TimedHub hub;
        hub.connected();
        hub.advance(60s);
        const Instant first = hub.now.instant;
        const Instant second = first + 5s;
        hub.report({.first_unanswered_data_received = first, .last_data_received = first, .last_received = first});
        hub.run(5s);
        hub.report({.first_unanswered_data_received = first, .last_data_received = second, .last_received = second});
        hub.run(5s);
        REQUIRE(hub.commands<SendKeepalive>().size() == 1);
        hub.run(std::max(sent_at - 10s, Duration(50ms)));
        hub.report({.last_data_received = second, .last_sent = first + sent_at, .last_received = second});
        hub.run(60s);
        CHECK(hub.commands<SendKeepalive>().empty());
    }
}

TEST_CASE("T3: our handshake message also replaces a keepalive") {
    TimedHub hub;
    hub.connected();
    hub.advance(60s);
    const Instant received = hub.now.instant;
    hub.report({.first_unanswered_data_received = received, .last_data_received = received, .last_received = received});
    hub.run(5s);
    hub.deliver(hub.peer.initiate(9, hub.timestamp()));
    REQUIRE(hub.messages_of(MessageType::kResponse) == 1);
    hub.run(60s);
    CHECK(hub.commands<SendKeepalive>().empty());
}

TEST_CASE("T3: a stream in one direction is answered every 10 s") {
    TimedHub hub;
    hub.connected();
    hub.advance(60s);
    Stamps activity;
    std::size_t keepalives = 0;
    for (int i = 0; i < 600; ++i) {  // one minute with a packet every 100 ms
        activity.last_data_received = activity.last_received = hub.now.instant;
        if (activity.first_unanswered_data_received == kLongAgo)
            activity.first_unanswered_data_received = hub.now.instant;
        hub.report(activity);
        hub.run(100ms);
        for (const SendKeepalive* keepalive : hub.commands<SendKeepalive>()) {
            if (activity.last_sent >= keepalive->unless_sent_since) continue;  // as the data plane decides
            ++keepalives;
            activity.last_sent = hub.now.instant;
            activity.first_unanswered_data_received = kLongAgo;
        }
    }
    CHECK(keepalives >= 5);
    CHECK(keepalives <= 6);
}

TEST_CASE("T3: data sent meanwhile replaces the keepalive") {
    TimedHub hub;
    hub.connected();
    hub.advance(60s);
    const Instant received = hub.now.instant;
    hub.report({.first_unanswered_data_received = received, .last_data_received = received, .last_received = received});
    hub.run(9s);
    hub.report({.last_data_sent = hub.now.instant,
                .last_data_received = received,
                .last_sent = hub.now.instant,
                .last_received = received});
    hub.run(60s);
    CHECK(hub.commands<SendKeepalive>().empty());
}

TEST_CASE("T6: a persistent keepalive is due when no authentic message passed in either direction") {
    TimedHub hub;
    PeerConfig config = hub.config_of(hub.peer);
    config.persistent_keepalive_seconds = 25;
    hub.put(std::move(config));
    hub.connect(hub.peer);
    const Instant passed = hub.now.instant;
    hub.run(25s);
    REQUIRE(hub.commands<SendKeepalive>().size() == 1);
    CHECK(hub.commands<SendKeepalive>()[0]->unless_sent_since == passed + 1ns);
    CHECK(hub.commands<SendKeepalive>()[0]->unless_received_since == passed + 1ns);
    hub.run(10s);
    const Instant received = hub.now.instant;
    hub.report({.last_received = received});
    hub.run(24s);
    CHECK(hub.commands<SendKeepalive>().empty());
    hub.run(1s);
    CHECK(hub.commands<SendKeepalive>().size() == 1);
}

TEST_CASE("T6: enabling a persistent keepalive sends one at once, or an initiation without a session") {
    TimedHub hub;
    hub.connected();
    PeerConfig config = hub.config_of(hub.peer);
    config.persistent_keepalive_seconds = 25;
    hub.put(std::move(config));
    CHECK(hub.commands<SendKeepalive>().size() == 1);

    ScriptedPeer other = hub.make_peer();
    config = hub.config_of(other, 1);
    config.persistent_keepalive_seconds = 25;
    config.endpoint = endpoint_at(2);
    hub.put(std::move(config));
    CHECK(hub.messages_of(MessageType::kInitiation) == 1);
}

TEST_CASE("T6: with a persistent keepalive we never stop trying") {
    TimedHub hub;
    PeerConfig config = hub.config_of(hub.peer);
    config.persistent_keepalive_seconds = 25;
    config.endpoint = endpoint_at(1);
    hub.put(std::move(config));
    std::size_t sent = hub.messages_of(MessageType::kInitiation);
    for (int i = 0; i < 10; ++i) {
        hub.run(100s);
        CHECK(hub.messages_of(MessageType::kInitiation) >= 10);
        sent += hub.messages_of(MessageType::kInitiation);
    }
    CHECK(sent <= 1000 / 5 + 1);
    CHECK(hub.engine.counters().handshakes_given_up >= 7);
}

TEST_CASE("T8: a thousand renewals requested at once are spread") {
    TimedHub hub;
    constexpr std::uint32_t kPeers = 1000;
    std::vector<ScriptedPeer> peers;
    for (std::uint32_t i = 0; i < kPeers; ++i) {
        peers.push_back(hub.make_peer());
        hub.put_with_endpoint(peers.back(), endpoint_at(1), i);
        hub.need_session(i);
        hub.deliver(peers[i].respond(hub.out.messages.at(0).view(), i)->bytes);
        hub.advance(Duration(1s) / kAbsentPerSecond);  // at the highest rate of one customer
    }
    hub.run(120s);
    std::size_t at_once = 0;
    for (std::uint32_t i = 0; i < kPeers; ++i) {
        hub.need_session(i);
        at_once += hub.out.messages.size();
    }
    CHECK(at_once == kPacedBurst);
    std::size_t all = at_once;
    for (int i = 0; i < 50 && all < kPeers; ++i) {
        hub.run(10ms);
        CHECK(hub.out.messages.size() <= 21);
        all += hub.out.messages.size();
    }
    CHECK(all == kPeers);
    CHECK(hub.indexes.size() == 2 * kPeers);
}

TEST_CASE("T8: a customer whose hosts send to many absent peers delays only itself") {
    TimedHub hub;
    constexpr std::uint32_t kPeers = 6000;
    const auto put = [&hub](std::uint32_t index, std::uint32_t customer) {
        PeerConfig config;
        config.index = PeerIndex{index};
        config.customer = CustomerIndex{customer};
        hub.random.fill(config.public_key.bytes);
        config.endpoint = endpoint_at(static_cast<std::uint8_t>(index), static_cast<std::uint16_t>(1000 + index));
        hub.put(std::move(config));
    };
    for (std::uint32_t i = 0; i < kPeers; ++i) put(i, 1);
    put(kPeers, 2);

    std::size_t sent = 0;
    for (std::uint32_t i = 0; i < kPeers; ++i) {
        hub.need_session(i);
        sent += hub.messages_of(MessageType::kInitiation);
    }
    CHECK(sent == kPacedBurst);
    hub.need_session(kPeers);
    hub.run(2 * Duration(1s) / kPacedPerSecond);  // the turn after the next one
    CHECK(hub.engine.peer_status(PeerIndex{kPeers})->is_handshaking);
    sent += hub.messages_of(MessageType::kInitiation) - 1;
    for (int i = 0; i < 1000 && sent < kAbsentBurst; ++i) {
        hub.run(100us);
        sent += hub.messages_of(MessageType::kInitiation);
    }
    CHECK(sent == kAbsentBurst);
    hub.run(100ms);  // those whose turn came meanwhile
    sent += hub.messages_of(MessageType::kInitiation);

    // Repeated requests move no peer back, and no second exceeds the rate, including repetitions.
    constexpr std::uint32_t kSeconds = 14;
    for (std::uint32_t second = 0; second < kSeconds; ++second) {
        for (std::uint32_t i = 0; i < kPeers; ++i) hub.need_session(i);
        hub.run(1s);
        const std::size_t now_sent = hub.messages_of(MessageType::kInitiation);
        CHECK(now_sent <= kAbsentPerSecond + 2);  // and one of the other customer's
        CHECK(now_sent >= kAbsentPerSecond - 2);
        sent += now_sent;
        if (second == 11) {  // 256 + 12 * 500: every peer gets its first before any repetition
            std::size_t handshaking = 0;
            for (std::uint32_t i = 0; i < kPeers; ++i)
                handshaking += hub.engine.peer_status(PeerIndex{i})->is_handshaking ? 1U : 0U;
            CHECK(handshaking == kPeers);
        }
    }
}

TEST_CASE("T8: the budget of a customer that is quiet again is dropped") {
    InitiationBudget budget({.per_second = 100, .burst = 10});
    const Instant start{1'000'000'000'000};
    for (std::uint32_t customer = 0; customer < 50; ++customer)
        CHECK(budget.reserve(start, CustomerIndex{customer}) == start);
    for (int i = 1; i < 10; ++i) CHECK(budget.reserve(start, CustomerIndex{7}) == start);
    CHECK(budget.reserve(start, CustomerIndex{7}) == start + 10ms);
    CHECK(budget.size() == 50);
    CHECK(budget.reserve(start + 2s, CustomerIndex{8}) == start + 2s);
    CHECK(budget.size() == 1);
}

TEST_CASE("S12: a jump of the wall clock starts nothing and stops nothing") {
    TimedHub hub;
    hub.put_with_endpoint(hub.peer, endpoint_at(1));
    hub.need_session();
    hub.now.wall.nanoseconds -= 3600'000'000'000;
    hub.engine.handle_timeout(hub.now, hub.out);
    CHECK(hub.messages_of(MessageType::kInitiation) == 1);  // the earlier one
    const auto answer = hub.peer.respond(hub.out.messages[0].view(), 1);
    hub.deliver(answer->bytes);
    CHECK(hub.commands<dataplane::InstallSession>().size() == 1);
    hub.now.wall.nanoseconds += 2 * 3600'000'000'000;
    hub.run(100s);
    CHECK(hub.is_silent());
}

TEST_CASE("T8: the state of an idle peer is small") {
    CHECK(sizeof(PeerEntry) <= 208);
    CHECK(sizeof(Peer) <= 640);
}

}  // namespace
}  // namespace warren::wireguard
