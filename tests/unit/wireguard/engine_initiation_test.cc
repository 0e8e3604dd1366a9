// The hub as responder: the rules for an initiation, and the effects of a valid one.
#include "tests/unit/wireguard/harness.h"

namespace warren::wireguard {
namespace {

using namespace testing;

TEST_CASE("H1: any wrong length, type or reserved bit is dropped silently") {
    Hub hub;
    ScriptedPeer peer = hub.make_peer();
    hub.put(peer);
    std::uint64_t expected = 0;
    for (std::size_t size = 0; size <= 200; ++size) {
        for (std::uint32_t type = 0; type < 256; ++type) {
            std::vector<std::uint8_t> datagram(size);
            if (size > 0) datagram[0] = static_cast<std::uint8_t>(type);
            hub.deliver(datagram);
            CHECK(hub.is_silent());
            ++expected;
        }
    }
    CHECK(hub.dropped() == expected);
    CHECK(hub.dropped(DropReason::kBadType) > 0);
    CHECK(hub.dropped(DropReason::kBadLength) > 0);
    // Three of them had the form of a message, and only those were looked at.
    CHECK(hub.dropped(DropReason::kBadMac1) == 2);
    CHECK(hub.dropped(DropReason::kUnknownIndex) == 1);

    const std::uint64_t before = hub.dropped(DropReason::kBadType);
    for (std::size_t bit = 0; bit < 24; ++bit) {
        auto datagram = peer.initiate(7, hub.timestamp());
        datagram[1 + bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
        fix_mac1(datagram, hub.engine.public_key());
        hub.deliver(datagram);
        CHECK(hub.is_silent());
    }
    CHECK(hub.dropped(DropReason::kBadType) == before + 24);
}

TEST_CASE("H1: the engine ignores a data message") {
    Hub hub;
    std::array<std::uint8_t, 148> datagram{4};
    hub.deliver(datagram);
    CHECK(hub.dropped(DropReason::kBadType) == 1);
}

TEST_CASE("H2: an initiation with any bit of mac1 wrong is never answered") {
    Hub hub;
    ScriptedPeer peer = hub.make_peer();
    hub.put(peer);
    const auto good = peer.initiate(7, hub.timestamp());
    for (std::size_t bit = 0; bit < 128; ++bit) {
        auto bad = good;
        bad[116 + bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
        hub.deliver(bad);
        CHECK(hub.is_silent());
    }
    CHECK(hub.dropped(DropReason::kBadMac1) == 128);
    hub.deliver(good);
    CHECK(hub.messages_of(MessageType::kResponse) == 1);
}

TEST_CASE("H2: mac1 for another key, and mac1 of zeros, are refused") {
    Hub hub;
    ScriptedPeer peer = hub.make_peer();
    hub.put(peer);
    auto datagram = peer.initiate(7, hub.timestamp());
    fix_mac1(datagram, peer.keys.public_key);
    hub.deliver(datagram);
    CHECK(hub.is_silent());
    std::fill(datagram.begin() + 116, datagram.begin() + 132, std::uint8_t{0});
    hub.deliver(datagram);
    CHECK(hub.is_silent());
    CHECK(hub.dropped(DropReason::kBadMac1) == 2);
}

TEST_CASE("H3: an unknown static key gets no answer") {
    Hub hub;
    ScriptedPeer stranger = hub.make_peer();
    hub.deliver(stranger.initiate(7, hub.timestamp()));
    CHECK(hub.is_silent());
    CHECK(hub.dropped(DropReason::kUnknownPeer) == 1);
}

TEST_CASE("H3: an initiation that claims another's static key is not opened") {
    Hub hub;
    ScriptedPeer victim = hub.make_peer();
    ScriptedPeer liar = hub.make_peer();
    hub.put(victim);
    // The attacker knows the victim's public key, so it can seal that, but not DH(victim, hub), which seals the
    // timestamp.
    liar.keys.public_key = victim.keys.public_key;
    hub.deliver(liar.initiate(7, hub.timestamp()));
    CHECK(hub.is_silent());
    CHECK(hub.dropped(DropReason::kBadInitiation) == 1);
}

TEST_CASE(
    "H10: a valid initiation gets a response and an unconfirmed session, which is installed before the response "
    "leaves") {
    Hub hub;
    ScriptedPeer peer = hub.make_peer();
    peer.preshared_key = generate_preshared_key(hub.random);
    PeerConfig config = hub.config_of(peer);
    config.worker = 5;
    hub.put(std::move(config));
    hub.deliver(peer.initiate(0xdeadbeef, hub.timestamp()), endpoint_at(7, 1234));

    REQUIRE(hub.out.messages.size() == 1);
    const OutgoingMessage& message = hub.out.messages[0];
    CHECK(message.to == endpoint_at(7, 1234));
    CHECK(message.from == hub.local);
    const auto response = parse_response(message.view());
    REQUIRE(response.has_value());
    CHECK(response->receiver == 0xdeadbeef);
    auto keys = peer.consume(message.view());
    REQUIRE(keys.has_value());

    const auto installed = hub.commands<dataplane::InstallSession>();
    REQUIRE(installed.size() == 1);
    CHECK(installed[0]->local_id.value == response->sender);
    CHECK(installed[0]->local_id.worker() == 5);
    CHECK(hub.out.commands[0].worker == 5);
    CHECK(installed[0]->remote_id == 0xdeadbeef);
    CHECK(installed[0]->peer == PeerIndex{0});
    CHECK(installed[0]->receive_key.secret.equals(keys->initiator_sends.secret));
    CHECK(installed[0]->send_key.secret.equals(keys->responder_sends.secret));
    CHECK(installed[0]->created == hub.now.instant);
    CHECK(installed[0]->send_when == dataplane::SendWhen::kAfterFirstReceived);
}

TEST_CASE("H16: handshake messages carry AF41, cookie replies no mark") {
    Hub hub;
    ScriptedPeer peer = hub.make_peer();
    hub.put_with_endpoint(peer, endpoint_at(1));
    hub.deliver(peer.initiate(7, hub.timestamp()));
    CHECK(hub.out.messages.at(0).traffic_class == 0x88);
    hub.advance(10s);
    hub.need_session();
    CHECK(hub.out.messages.at(0).traffic_class == 0x88);
    hub.put_under_load();
    ScriptedPeer other = hub.make_peer();
    hub.deliver(other.initiate(7, hub.timestamp()), endpoint_at(50));
    REQUIRE(hub.messages_of(MessageType::kCookieReply) == 1);
    CHECK(hub.out.messages.at(0).traffic_class == 0);
}

TEST_CASE("S4, S5: a responder's session is never renewed by time") {
    Hub hub;
    ScriptedPeer peer = hub.make_peer();
    hub.put(peer);
    hub.deliver(peer.initiate(7, hub.timestamp()));
    const auto& lifetime = hub.commands<dataplane::InstallSession>().at(0)->lifetime;
    CHECK(lifetime.renew_on_sending.age == Duration::max());
    CHECK(lifetime.renew_on_receiving == Duration::max());
    CHECK(lifetime.hard.age == 180s);
    CHECK(lifetime.renew_on_sending.messages == 1ULL << 60);
    CHECK(lifetime.hard.messages == 0xffffffffffffdfffULL);  // 2^64 - 2^13 - 1
}

TEST_CASE("H5: an initiation with an equal or older timestamp is dropped") {
    Hub hub;
    ScriptedPeer peer = hub.make_peer();
    hub.put(peer);
    const Tai64n first = hub.timestamp();
    hub.deliver(peer.initiate(7, first));
    REQUIRE(hub.messages_of(MessageType::kResponse) == 1);
    hub.advance(1s);
    hub.deliver(peer.initiate(8, first));  // equal
    CHECK(hub.sends_nothing());
    hub.deliver(peer.initiate(9, tai64n_whitened({hub.now.wall.nanoseconds - 2'000'000'000})));  // a second older
    CHECK(hub.sends_nothing());
    CHECK(hub.dropped(DropReason::kOldTimestamp) == 2);
    Tai64n next = first;
    ++next.bytes.back();
    hub.deliver(peer.initiate(10, next));
    CHECK(hub.messages_of(MessageType::kResponse) == 1);
}

TEST_CASE("H5: the order of timestamps is that of unsigned bytes") {
    Hub hub;
    ScriptedPeer peer = hub.make_peer();
    hub.put(peer);
    Tai64n low{};
    low.bytes[0] = 0x7f;
    Tai64n high{};
    high.bytes[0] = 0x80;
    hub.deliver(peer.initiate(7, low));
    CHECK(hub.messages_of(MessageType::kResponse) == 1);
    hub.advance(1s);
    hub.deliver(peer.initiate(8, high));
    CHECK(hub.messages_of(MessageType::kResponse) == 1);
    hub.advance(1s);
    hub.deliver(peer.initiate(9, low));
    CHECK(hub.sends_nothing());
}

TEST_CASE("H6: the latest timestamp survives new settings and time") {
    Hub hub;
    ScriptedPeer peer = hub.make_peer();
    hub.put(peer);
    const auto initiation = peer.initiate(7, hub.timestamp());
    const auto later = peer.initiate(8, hub.timestamp());  // another message, the same timestamp
    hub.deliver(initiation);
    REQUIRE(hub.messages_of(MessageType::kResponse) == 1);
    hub.put(peer);
    hub.run(1000s);
    hub.deliver(later);
    CHECK(hub.sends_nothing());
    CHECK(hub.dropped(DropReason::kOldTimestamp) == 1);
}

TEST_CASE("H7: the latest timestamps are exported, and restored as a floor") {
    Hub hub;
    ScriptedPeer peer = hub.make_peer();
    ScriptedPeer silent = hub.make_peer();
    hub.put(peer);
    hub.put(silent, 1);
    const Tai64n timestamp = hub.timestamp();
    const auto initiation = peer.initiate(7, timestamp);
    hub.deliver(initiation);
    REQUIRE(hub.out.records.size() == 1);
    const auto accepted = timestamp_of(hub.out.records[0]);
    REQUIRE(accepted.has_value());
    CHECK(accepted->timestamp == timestamp);
    CHECK(accepted->public_key == peer.keys.public_key);
    const auto kept = hub.engine.export_timestamps();
    REQUIRE(kept.size() == 1);
    CHECK(kept[0].first == peer.keys.public_key);

    Hub restarted;  // the same seed, so the same keys
    REQUIRE(restarted.engine.public_key() == hub.engine.public_key());
    PeerConfig config = restarted.config_of(peer);
    config.timestamp_floor = kept[0].second;
    restarted.put(std::move(config));
    restarted.deliver(initiation);
    CHECK(restarted.sends_nothing());
    CHECK(restarted.dropped(DropReason::kOldTimestamp) == 1);
}

TEST_CASE("H8: initiations of one peer are answered at most every 20 ms") {
    Hub hub;
    ScriptedPeer peer = hub.make_peer();
    hub.put(peer);
    std::size_t answered = 0;
    for (int i = 0; i < 100; ++i) {
        Tai64n timestamp = hub.timestamp();
        timestamp.bytes.back() = static_cast<std::uint8_t>(i + 1);  // grows within the whitening step
        hub.deliver(peer.initiate(static_cast<std::uint32_t>(i), timestamp));
        answered += hub.out.messages.size();
        hub.advance(1ms);
    }
    CHECK(answered == 5);
    CHECK(hub.dropped(DropReason::kInitiationTooSoon) == 95);
}

TEST_CASE("H5, H8: who is refused though authentic is counted at the peer and told, with how far its clock was ahead") {
    Hub hub;
    ScriptedPeer peer = hub.make_peer();
    hub.put(peer);
    constexpr std::int64_t kDay = 86'400'000'000'000;
    hub.deliver(peer.initiate(7, tai64n_whitened({hub.now.wall.nanoseconds + 7300 * kDay})));
    REQUIRE(hub.messages_of(MessageType::kResponse) == 1);
    const auto told = [&hub] {
        REQUIRE(hub.news<HandshakeRefused>() == 1);
        return std::get<HandshakeRefused>(hub.out.news[0]);
    };
    hub.advance(1s);
    hub.deliver(peer.initiate(8, hub.timestamp()));
    CHECK(told().reason == DropReason::kOldTimestamp);
    CHECK(told().ahead == 7300 * 86'400s - 1s);
    hub.deliver(peer.initiate(9, tai64n_whitened({hub.now.wall.nanoseconds + 7301 * kDay})));
    REQUIRE(hub.messages_of(MessageType::kResponse) == 1);
    hub.deliver(peer.initiate(10, tai64n_whitened({hub.now.wall.nanoseconds + 7302 * kDay})));
    CHECK(told().reason == DropReason::kInitiationTooSoon);
    const auto status = hub.engine.peer_status(PeerIndex{0});
    CHECK(status->refused_as_old == 1);
    CHECK(status->refused_as_too_soon == 1);
    CHECK(status->newest.count() == hub.now.wall.nanoseconds / 1'000'000'000 + 7301 * 86'400);

    // A stranger is nobody's.
    ScriptedPeer stranger = hub.make_peer();
    hub.deliver(stranger.initiate(1, hub.timestamp()));
    CHECK(hub.news<HandshakeRefused>() == 0);

    // To begin anew is to be removed and put.
    hub.engine.remove_peer(hub.now, PeerIndex{0}, hub.out);
    CHECK(hub.commands<dataplane::ForgetEndpoint>().size() == 1);
    hub.put(peer);
    hub.advance(1s);
    hub.deliver(peer.initiate(11, hub.timestamp()));
    CHECK(hub.messages_of(MessageType::kResponse) == 1);
    CHECK(hub.engine.peer_status(PeerIndex{0})->refused_as_old == 0);
}

TEST_CASE("C13: an exact replay is dropped before any Diffie-Hellman") {
    Hub hub;
    ScriptedPeer peer = hub.make_peer();
    ScriptedPeer stranger = hub.make_peer();
    hub.put(peer);
    const auto initiation = peer.initiate(7, hub.timestamp());
    const auto unknown = stranger.initiate(7, hub.timestamp());
    hub.deliver(initiation);
    hub.deliver(unknown);
    hub.advance(1s);
    for (int i = 0; i < 5'000; ++i) {
        hub.deliver(initiation);
        CHECK(hub.is_silent());
    }
    hub.deliver(unknown);
    CHECK(hub.dropped(DropReason::kReplayedInitiation) == 5'001);
    CHECK(hub.dropped(DropReason::kOldTimestamp) == 0);
    CHECK(hub.dropped(DropReason::kUnknownPeer) == 1);
}

TEST_CASE("H4: an all-zero ephemeral and other low-order points are refused") {
    Hub hub;
    ScriptedPeer peer = hub.make_peer();
    hub.put(peer);
    for (const char* point : {"0000000000000000000000000000000000000000000000000000000000000000",
                              "0100000000000000000000000000000000000000000000000000000000000000",
                              "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
                              "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
                              "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
                              "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
                              "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"}) {
        const crypto::PublicKey low_order{test::array_from_hex<32>(point)};
        hub.deliver(peer.initiate(7, hub.timestamp(), low_order));
        CHECK(hub.is_silent());

        // As a configured peer: it never causes a packet, whatever requests one.
        PeerConfig config;
        config.index = PeerIndex{9};
        config.customer = CustomerIndex{0};
        config.public_key = low_order;
        config.endpoint = endpoint_at(66);
        config.persistent_keepalive_seconds = 1;
        hub.put(std::move(config));
        CHECK(hub.out.messages.empty());
        hub.need_session(9);
        CHECK(hub.out.messages.empty());
        hub.run(2s);
        CHECK(hub.out.messages.empty());
    }
    CHECK(hub.dropped(DropReason::kBadInitiation) == 7);
    CHECK(hub.indexes.size() == 0);
}

TEST_CASE("E1: an initiation is answered where it came from, and does not move the endpoint") {
    Hub hub;
    ScriptedPeer peer = hub.make_peer();
    hub.put_with_endpoint(peer, endpoint_at(1));
    CHECK(hub.commands<dataplane::SetEndpoint>().at(0)->remote == endpoint_at(1));
    hub.deliver(peer.initiate(7, hub.timestamp()), endpoint_at(2));
    REQUIRE(hub.out.messages.size() == 1);
    CHECK(hub.out.messages[0].to == endpoint_at(2));
    CHECK(hub.out.messages[0].from == hub.local);
    CHECK(hub.commands<dataplane::SetEndpoint>().empty());
    REQUIRE(hub.commands<dataplane::InstallSession>().size() == 1);
    CHECK(hub.commands<dataplane::InstallSession>()[0]->initiated_from == endpoint_at(2));
    CHECK(hub.engine.peer_status(PeerIndex{0})->endpoint == endpoint_at(1));
    // Nor do our own initiations go there.
    hub.run(6s);
    hub.need_session();
    REQUIRE(hub.messages_of(MessageType::kInitiation) == 1);
    CHECK(hub.out.messages[0].to == endpoint_at(1));
}

TEST_CASE(
    "E1: a peer that has only initiated has no endpoint yet, and packets for it wait no longer than its session") {
    Hub hub;
    ScriptedPeer peer = hub.make_peer();
    hub.put(peer);
    hub.deliver(peer.initiate(7, hub.timestamp()), endpoint_at(2));
    CHECK_FALSE(hub.engine.peer_status(PeerIndex{0})->endpoint.has_value());
    hub.need_session();
    CHECK(hub.out.messages.empty());
    hub.run(179s);
    CHECK(hub.is_silent());
    hub.run(1s);
    CHECK(hub.commands<dataplane::RetireSession>().size() == 1);
    CHECK(hub.commands<dataplane::PurgeStaged>().size() == 1);
}

TEST_CASE("H13: with different preshared keys the response is unreadable") {
    Hub hub;
    ScriptedPeer peer = hub.make_peer();
    PeerConfig config = hub.config_of(peer);
    config.preshared_key = generate_preshared_key(hub.random);
    hub.put(std::move(config));
    hub.deliver(peer.initiate(7, hub.timestamp()));
    REQUIRE(hub.out.messages.size() == 1);
    CHECK_FALSE(peer.consume(hub.out.messages[0].view()).has_value());
}

TEST_CASE("H14: a new preshared key applies from the next handshake, the session stays") {
    Hub hub;
    ScriptedPeer peer = hub.make_peer();
    hub.put(peer);
    hub.connect(peer);
    peer.preshared_key = generate_preshared_key(hub.random);
    hub.put(peer);
    CHECK(hub.is_silent());
    CHECK(hub.engine.peer_status(PeerIndex{0})->latest_handshake != kLongAgo);
    hub.advance(1s);
    hub.deliver(peer.initiate(7, hub.timestamp()));
    REQUIRE(hub.out.messages.size() == 1);
    CHECK(peer.consume(hub.out.messages[0].view()).has_value());
}

TEST_CASE("I4: the static key of a handshake determines the customer, not its address") {
    Hub hub;
    ScriptedPeer acme = hub.make_peer();
    ScriptedPeer globex = hub.make_peer();
    hub.put(acme, 3);
    hub.put(globex, 4);
    hub.deliver(acme.initiate(1, hub.timestamp()), endpoint_at(1));
    CHECK(hub.commands<dataplane::InstallSession>().at(0)->peer == PeerIndex{3});
    hub.deliver(globex.initiate(1, hub.timestamp()), endpoint_at(1));
    CHECK(hub.commands<dataplane::InstallSession>().at(0)->peer == PeerIndex{4});
}

}  // namespace
}  // namespace warren::wireguard
