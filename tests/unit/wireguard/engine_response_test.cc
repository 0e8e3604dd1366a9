// The hub as initiator: the rules for a response, the session that follows, and the three slots.
#include "tests/unit/wireguard/harness.h"

namespace warren::wireguard {
namespace {

using namespace testing;

// A hub that has sent its initiation to its only peer; the message is in `initiation`.
struct InitiatingHub : Hub {
    explicit InitiatingHub(std::uint64_t seed = 1) : Hub(seed), peer(make_peer()) {
        put_with_endpoint(peer, endpoint_at(1));
        start();
    }
    void start() {
        need_session();
        REQUIRE(messages_of(MessageType::kInitiation) == 1);
        initiation = out.messages[0];
    }
    ScriptedPeer::Answer answer(std::uint32_t sender = 0x2000) {
        auto made = peer.respond(initiation.view(), sender);
        REQUIRE(made.has_value());
        return std::move(*made);
    }
    ScriptedPeer peer;
    OutgoingMessage initiation;
};

TEST_CASE("H10: a response to our initiation makes a session that can send at once") {
    InitiatingHub hub;
    CHECK(hub.initiation.to == endpoint_at(1));
    const auto answer = hub.answer(0xcafe);
    hub.deliver(answer.bytes, endpoint_at(1));
    const auto installed = hub.commands<dataplane::InstallSession>();
    REQUIRE(installed.size() == 1);
    CHECK(installed[0]->send_when == dataplane::SendWhen::kNow);
    CHECK(installed[0]->remote_id == 0xcafe);
    CHECK(installed[0]->local_id.value == parse_initiation(hub.initiation.view())->sender);
    CHECK(installed[0]->send_key.secret.equals(answer.keys.initiator_sends.secret));
    CHECK(installed[0]->receive_key.secret.equals(answer.keys.responder_sends.secret));
    CHECK(installed[0]->lifetime.renew_on_sending.age == 120s);
    CHECK(installed[0]->lifetime.renew_on_receiving == 165s);
    CHECK(installed[0]->lifetime.hard.age == 180s);
    CHECK(hub.out.messages.empty());
    REQUIRE(hub.news<HandshakeCompleted>() == 1);
    CHECK(std::get<HandshakeCompleted>(hub.out.news[0]).is_initiator);
    CHECK(hub.engine.peer_status(PeerIndex{0})->latest_handshake == hub.now.instant);
    CHECK(hub.engine.peer_status(PeerIndex{0})->latest_handshake_wall == hub.now.wall);
    CHECK_FALSE(hub.engine.peer_status(PeerIndex{0})->is_handshaking);
}

TEST_CASE("H11: a response is accepted once") {
    InitiatingHub hub;
    const auto answer = hub.answer();
    hub.deliver(answer.bytes);
    REQUIRE(hub.commands<dataplane::InstallSession>().size() == 1);
    hub.deliver(answer.bytes);
    CHECK(hub.is_silent());
    CHECK(hub.dropped(DropReason::kWrongState) == 1);
}

TEST_CASE("H11: a response to an initiation that was replaced by a newer one is dropped") {
    InitiatingHub hub;
    const auto old = hub.answer();
    hub.run(6s);  // our retransmission
    REQUIRE(hub.messages_of(MessageType::kInitiation) == 1);
    hub.deliver(old.bytes);
    CHECK(hub.is_silent());
    CHECK(hub.dropped(DropReason::kUnknownIndex) == 1);
}

TEST_CASE("H11, S8: a forged response with the right index neither makes a session nor ends the handshake") {
    InitiatingHub hub;
    const auto good = hub.answer();
    for (std::size_t bit = 8 * 12; bit < 8 * 60; ++bit) {
        auto bad = good.bytes;
        bad[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
        fix_mac1(bad, hub.engine.public_key());
        hub.deliver(bad, endpoint_at(66));
        CHECK(hub.is_silent());
    }
    CHECK(hub.dropped(DropReason::kBadResponse) == 8 * 48);
    CHECK(hub.engine.peer_status(PeerIndex{0})->endpoint == endpoint_at(1));
    hub.deliver(good.bytes);
    CHECK(hub.commands<dataplane::InstallSession>().size() == 1);
}

TEST_CASE("H2: a response with a wrong mac1 is dropped before anything else") {
    InitiatingHub hub;
    auto bad = hub.answer().bytes;
    bad[60] ^= 1;
    hub.deliver(bad);
    CHECK(hub.is_silent());
    CHECK(hub.dropped(DropReason::kBadMac1) == 1);
}

TEST_CASE("H4: a response with a low-order ephemeral is refused") {
    InitiatingHub hub;
    const auto bad = hub.peer.respond(hub.initiation.view(), 1, crypto::PublicKey{});
    REQUIRE(bad.has_value());
    hub.deliver(bad->bytes);
    CHECK(hub.is_silent());
    CHECK(hub.dropped(DropReason::kBadResponse) == 1);
}

TEST_CASE("H13: a response made with another preshared key is refused") {
    InitiatingHub hub;
    hub.peer.preshared_key = generate_preshared_key(hub.random);
    hub.deliver(hub.answer().bytes);
    CHECK(hub.is_silent());
    CHECK(hub.dropped(DropReason::kBadResponse) == 1);
}

TEST_CASE("I2: a response with the index of a session, or with an unknown index, is dropped") {
    InitiatingHub hub;
    auto answer = hub.answer();
    hub.deliver(answer.bytes);
    const SessionId session = hub.commands<dataplane::InstallSession>().at(0)->local_id;
    store_le(answer.bytes.data() + 8, session.value);
    fix_mac1(answer.bytes, hub.engine.public_key());
    hub.deliver(answer.bytes);
    CHECK(hub.dropped(DropReason::kWrongState) == 1);
    store_le(answer.bytes.data() + 8, session.value + 64);
    fix_mac1(answer.bytes, hub.engine.public_key());
    hub.deliver(answer.bytes);
    CHECK(hub.dropped(DropReason::kUnknownIndex) == 1);
}

TEST_CASE("I2: a valid response with the wrong index is dropped, even while a handshake waits") {
    InitiatingHub hub;
    hub.deliver(hub.answer().bytes);
    const SessionId session = hub.commands<dataplane::InstallSession>().at(0)->local_id;
    CHECK(hub.indexes.find(session)->kind == control::IndexKind::kKeypair);
    hub.advance(10s);
    hub.start();
    const auto good = hub.answer();
    auto bad = good.bytes;
    store_le(bad.data() + 8, session.value);
    fix_mac1(bad, hub.engine.public_key());
    hub.deliver(bad);
    CHECK(hub.is_silent());
    CHECK(hub.dropped(DropReason::kWrongState) == 1);
    hub.deliver(good.bytes);
    CHECK(hub.commands<dataplane::InstallSession>().size() == 1);
}

TEST_CASE("I2: an index of one listener is unknown to another") {
    InitiatingHub hub;
    Engine other(ListenerIndex{1}, crypto::generate_private_key(hub.random), hub.indexes, hub.random);
    auto answer = hub.answer();
    fix_mac1(answer.bytes, other.public_key());
    Output out;
    other.handle_datagram(hub.now, {endpoint_at(1), hub.local}, answer.bytes, out);
    CHECK(out.commands.empty());
    CHECK(other.counters().dropped(DropReason::kUnknownIndex) == 1);
    CHECK(hub.engine.peer_status(PeerIndex{0})->is_handshaking);
}

TEST_CASE("E1: a response moves the endpoint and the local address") {
    InitiatingHub hub;
    hub.deliver(hub.answer().bytes, endpoint_at(9, 999));
    REQUIRE(hub.commands<dataplane::SetEndpoint>().size() == 1);
    CHECK(hub.commands<dataplane::SetEndpoint>()[0]->remote == endpoint_at(9, 999));
    CHECK(hub.commands<dataplane::SetEndpoint>()[0]->local == hub.local);
}

TEST_CASE("E2: an initiation leaves from the address that the peer sends to") {
    Hub hub;
    ScriptedPeer peer = hub.make_peer();
    hub.put(peer);
    hub.connect(peer);
    hub.advance(200s);
    hub.need_session();
    REQUIRE(hub.messages_of(MessageType::kInitiation) == 1);
    CHECK(hub.out.messages[0].from == hub.local);
    CHECK(hub.out.messages[0].to == endpoint_at(1));
}

TEST_CASE("H9: our timestamps are whitened and always grow, even if the clock does not") {
    InitiatingHub hub;
    Tai64n latest;
    for (const Duration step : {0s, 6s, -3600s, 6s, 7200s, -1s, 0s}) {
        hub.now.wall.nanoseconds += step.count();
        const auto answer = hub.answer();
        CHECK(answer.timestamp > latest);
        CHECK((load_be<std::uint32_t>(answer.timestamp.bytes.data() + 8) & 0xffffffU) == 0);
        latest = answer.timestamp;
        hub.now.instant = hub.now.instant + 20s;  // the wall clock stands still
        hub.engine.remove_peer(hub.now, PeerIndex{7}, hub.out);
        hub.out.clear();
        hub.engine.handle_timeout(hub.now, hub.out);
        REQUIRE(hub.messages_of(MessageType::kInitiation) == 1);
        hub.initiation = hub.out.messages[0];
    }
}

TEST_CASE("H9: our timestamps grow for a peer that was removed and put again, whatever the clock did meanwhile") {
    InitiatingHub hub;
    Tai64n latest = hub.answer().timestamp;
    for (const Duration step : {0s, -3600s, -86'400s, 7200s, 0s}) {
        hub.now.wall.nanoseconds += step.count();
        hub.now.instant = hub.now.instant + 20s;  // the wall clock stands still
        hub.engine.remove_peer(hub.now, PeerIndex{0}, hub.out);
        hub.put_with_endpoint(hub.peer, endpoint_at(1));
        hub.need_session();
        REQUIRE(hub.messages_of(MessageType::kInitiation) == 1);
        hub.initiation = hub.out.messages[0];
        const Tai64n next = hub.answer().timestamp;
        CHECK(next > latest);
        latest = next;
    }
}

TEST_CASE("S1: as initiator the new session is current, the one before is previous, older ones are retired") {
    InitiatingHub hub;
    std::vector<SessionId> sessions;
    for (int i = 0; i < 4; ++i) {
        if (i > 0) {
            hub.advance(10s);
            hub.start();
        }
        hub.deliver(hub.answer().bytes);
        sessions.push_back(hub.commands<dataplane::InstallSession>().at(0)->local_id);
        const auto retired = hub.commands<dataplane::RetireSession>();
        if (i < 2) CHECK(retired.empty());
        if (i >= 2) {
            REQUIRE(retired.size() == 1);
            CHECK(retired[0]->local_id == sessions[static_cast<std::size_t>(i) - 2]);
        }
        CHECK(hub.indexes.size() == (i == 0 ? 1 : 2));
    }
}

TEST_CASE("S1: as responder a new session waits, and becomes current when it is confirmed") {
    Hub hub;
    ScriptedPeer peer = hub.make_peer();
    hub.put(peer);
    const SessionId first = hub.connect(peer);
    hub.advance(1s);
    const SessionId second = hub.connect(peer);
    CHECK(hub.out.commands.empty());  // the first is now previous
    hub.advance(1s);
    hub.deliver(peer.initiate(7, hub.timestamp()));
    // A new `next` retires the previous one, even before it is confirmed.
    REQUIRE(hub.commands<dataplane::RetireSession>().size() == 1);
    CHECK(hub.commands<dataplane::RetireSession>()[0]->local_id == first);
    const SessionId third = hub.commands<dataplane::InstallSession>().at(0)->local_id;
    hub.tell(dataplane::SessionConfirmed{PeerIndex{0}, third});
    CHECK(hub.commands<dataplane::RetireSession>().empty());
    CHECK(hub.indexes.find(second).has_value());
    CHECK(hub.indexes.size() == 2);
}

TEST_CASE("S1c: of two unconfirmed sessions only the newest is valid") {
    Hub hub;
    ScriptedPeer peer = hub.make_peer();
    hub.put(peer);
    hub.deliver(peer.initiate(7, hub.timestamp()));
    const SessionId first = hub.commands<dataplane::InstallSession>().at(0)->local_id;
    hub.advance(1s);
    hub.deliver(peer.initiate(8, hub.timestamp()));
    REQUIRE(hub.commands<dataplane::RetireSession>().size() == 1);
    CHECK(hub.commands<dataplane::RetireSession>()[0]->local_id == first);
    hub.tell(dataplane::SessionConfirmed{PeerIndex{0}, first});  // was under way when it was retired
    CHECK(hub.is_silent());
    CHECK(hub.engine.peer_status(PeerIndex{0})->latest_handshake == kLongAgo);
}

TEST_CASE("S1, H12: of crossing sessions ours sends, and the peer's and the one before still receive") {
    InitiatingHub hub;
    hub.deliver(hub.answer().bytes);
    const SessionId old = hub.commands<dataplane::InstallSession>().at(0)->local_id;
    hub.advance(10s);
    hub.start();
    hub.deliver(hub.peer.initiate(7, hub.timestamp()));
    const SessionId theirs = hub.commands<dataplane::InstallSession>().at(0)->local_id;
    CHECK(hub.indexes.size() == 3);  // our pending initiation, next, current
    hub.deliver(hub.answer().bytes);
    CHECK(hub.commands<dataplane::RetireSession>().empty());
    CHECK(hub.indexes.find(old).has_value());
    CHECK(hub.indexes.find(theirs)->kind == control::IndexKind::kKeypair);
    CHECK(hub.indexes.size() == 3);
    // The peer's first packet on its own session arrived before the data plane had ours.
    hub.tell(dataplane::SessionConfirmed{PeerIndex{0}, theirs});
    CHECK(hub.is_silent());
    // A new session of the peer retires only the oldest one: the peer still sends on its last.
    hub.advance(1s);
    hub.deliver(hub.peer.initiate(8, hub.timestamp()));
    REQUIRE(hub.commands<dataplane::RetireSession>().size() == 1);
    CHECK(hub.commands<dataplane::RetireSession>()[0]->local_id == old);
}

TEST_CASE("H12, S5: after crossing initiations the side with the smaller public key renews later") {
    std::size_t later = 0;
    for (std::uint64_t seed = 1; seed <= 8; ++seed) {
        InitiatingHub hub(seed);
        hub.deliver(hub.peer.initiate(7, hub.timestamp()));
        hub.deliver(hub.answer().bytes);
        const bool is_smaller = hub.engine.public_key() < hub.peer.keys.public_key;
        const Duration renews = hub.commands<dataplane::InstallSession>().at(0)->lifetime.renew_on_sending.age;
        CHECK(renews == (is_smaller ? 130s : 120s));
        later += is_smaller ? 1U : 0U;
    }
    CHECK(later > 0);
    CHECK(later < 8);
}

TEST_CASE("H12: an initiation of the peer that crosses ours does not affect ours") {
    InitiatingHub hub;
    hub.deliver(hub.peer.initiate(7, hub.timestamp()));
    CHECK(hub.messages_of(MessageType::kResponse) == 1);
    hub.deliver(hub.answer().bytes);
    CHECK(hub.commands<dataplane::InstallSession>().size() == 1);
    CHECK(hub.commands<dataplane::InstallSession>()[0]->send_when == dataplane::SendWhen::kNow);
}

TEST_CASE("H12: when the peer's initiation wins, ours is given up") {
    InitiatingHub hub;
    hub.deliver(hub.peer.initiate(7, hub.timestamp()));
    const SessionId next = hub.commands<dataplane::InstallSession>().at(0)->local_id;
    hub.tell(dataplane::SessionConfirmed{PeerIndex{0}, next});
    CHECK(hub.news<HandshakeCompleted>() == 1);
    CHECK(hub.indexes.size() == 1);
    hub.run(100s);
    CHECK(hub.out.messages.empty());
}

TEST_CASE("I1, I5: a thousand handshakes: a new random index each time, never more than four at once") {
    InitiatingHub hub;
    std::vector<std::uint32_t> seen;
    std::size_t most = 0;
    for (int i = 0; i < 500; ++i) {
        hub.advance(6s);
        if (!hub.engine.peer_status(PeerIndex{0})->is_handshaking) hub.start();
        hub.deliver(hub.peer.initiate(7, hub.timestamp()));
        seen.push_back(hub.commands<dataplane::InstallSession>().at(0)->local_id.value);
        most = std::max(most, hub.indexes.size());
        hub.deliver(hub.answer().bytes);
        seen.push_back(hub.commands<dataplane::InstallSession>().at(0)->local_id.value);
        most = std::max(most, hub.indexes.size());
    }
    CHECK(most <= 4);
    // Chi-square over each of the 26 random bits: with one degree of freedom 15.1 is the one-in-ten-thousand level.
    for (unsigned bit = SessionId::kWorkerBits; bit < 32; ++bit) {
        double ones = 0;
        for (const std::uint32_t index : seen) ones += index >> bit & 1;
        const double half = static_cast<double>(seen.size()) / 2;
        CHECK((ones - half) * (ones - half) / half * 2 < 15.1);
    }
    std::sort(seen.begin(), seen.end());
    // Among 1000 values out of 2^26, a repetition is unlikely.
    CHECK(static_cast<std::size_t>(std::unique(seen.begin(), seen.end()) - seen.begin()) > 997);
}

TEST_CASE("S9: a session is retired when it expires, and its index becomes invalid") {
    Hub hub;
    ScriptedPeer peer = hub.make_peer();
    hub.put(peer);
    const SessionId first = hub.connect(peer);
    hub.run(60s);
    const SessionId second = hub.connect(peer);
    hub.deliver(peer.initiate(9, hub.timestamp()));  // too soon after: same moment
    hub.run(119s);
    CHECK(hub.commands<dataplane::RetireSession>().empty());
    hub.run(1s);
    REQUIRE(hub.commands<dataplane::RetireSession>().size() == 1);
    CHECK(hub.commands<dataplane::RetireSession>()[0]->local_id == first);
    hub.run(60s);
    REQUIRE(hub.commands<dataplane::RetireSession>().size() == 1);
    CHECK(hub.commands<dataplane::RetireSession>()[0]->local_id == second);
    CHECK(hub.indexes.size() == 0);
    CHECK(hub.engine.next_deadline() == kNever);
}

}  // namespace
}  // namespace warren::wireguard
