// Peers are added, changed and removed; our own key changes.
#include "tests/unit/wireguard/harness.h"

namespace warren::wireguard {
namespace {

using namespace testing;

TEST_CASE("I3, S9: a removed peer's sessions and indexes are dropped at once, and its key gets no answer") {
    Hub hub;
    ScriptedPeer peer = hub.make_peer();
    hub.put_with_endpoint(peer, endpoint_at(1));
    const SessionId session = hub.connect(peer);
    hub.advance(10s);
    hub.need_session();
    hub.deliver(peer.initiate(5, hub.timestamp()));
    CHECK(hub.indexes.size() == 3);  // our pending initiation, next, current
    hub.out.clear();
    hub.engine.remove_peer(hub.now, PeerIndex{0}, hub.out);
    const auto retired = hub.commands<dataplane::RetireSession>();
    REQUIRE(retired.size() == 2);
    CHECK((retired[0]->local_id == session || retired[1]->local_id == session));
    CHECK(hub.indexes.size() == 0);
    CHECK(hub.engine.peer_count() == 0);
    CHECK(hub.engine.next_deadline() == kNever);
    CHECK_FALSE(hub.engine.peer_status(PeerIndex{0}).has_value());

    hub.advance(1s);
    hub.deliver(peer.initiate(6, hub.timestamp()));
    CHECK(hub.is_silent());
    // Late events of the data plane about it are ignored.
    hub.need_session();
    hub.tell(dataplane::SessionConfirmed{PeerIndex{0}, session});
    hub.tell(dataplane::PeerRoamed{PeerIndex{0}, endpoint_at(9), {}});
    hub.tell(dataplane::PeerActivity{PeerIndex{0}, {}, {}, {}, {}, {}, {}});
    CHECK(hub.is_silent());
}

TEST_CASE("New settings keep the session; the same settings again do nothing") {
    Hub hub;
    ScriptedPeer peer = hub.make_peer();
    hub.put_with_endpoint(peer, endpoint_at(1));
    hub.connect(peer, 0, endpoint_at(5));
    hub.put_with_endpoint(peer, endpoint_at(1));
    CHECK(hub.is_silent());
    CHECK(hub.engine.peer_status(PeerIndex{0})->endpoint == endpoint_at(5));  // the address to which it has roamed
    hub.put_with_endpoint(peer, endpoint_at(2));
    CHECK(hub.commands<dataplane::SetEndpoint>().at(0)->remote == endpoint_at(2));
    CHECK(hub.commands<dataplane::RetireSession>().empty());
    CHECK(hub.indexes.size() == 1);
}

TEST_CASE("Another public key, worker or customer with the same index is another peer") {
    for (int what = 0; what < 3; ++what) {
        Hub hub;
        ScriptedPeer peer = hub.make_peer();
        ScriptedPeer other = hub.make_peer();
        hub.put(peer);
        hub.connect(peer);
        PeerConfig config = hub.config_of(what == 0 ? other : peer);
        if (what == 1) config.worker = 1;
        if (what == 2) config.customer = CustomerIndex{9};
        hub.put(std::move(config));
        CHECK(hub.commands<dataplane::RetireSession>().size() == 1);
        CHECK(hub.indexes.size() == 0);
        CHECK(hub.engine.peer_count() == 1);
        hub.advance(1s);
        hub.deliver(peer.initiate(5, hub.timestamp()));
        CHECK(hub.out.messages.size() == (what == 0 ? 0 : 1));
    }
}

TEST_CASE("A key that moves to another index keeps its latest timestamp and loses its sessions") {
    Hub hub;
    ScriptedPeer peer = hub.make_peer();
    hub.put(peer, 1);
    const auto initiation = peer.initiate(5, hub.timestamp());
    const auto same_time = peer.initiate(6, hub.timestamp());
    hub.deliver(initiation);
    REQUIRE(hub.messages_of(MessageType::kResponse) == 1);
    hub.put(peer, 2);
    CHECK(hub.commands<dataplane::RetireSession>().size() == 1);
    CHECK(hub.engine.peer_count() == 1);
    CHECK_FALSE(hub.engine.peer_status(PeerIndex{1}).has_value());
    hub.advance(1s);
    hub.deliver(same_time);
    CHECK(hub.sends_nothing());
    hub.deliver(peer.initiate(7, hub.timestamp()));
    CHECK(hub.commands<dataplane::InstallSession>().at(0)->peer == PeerIndex{2});
    hub.out.clear();
    hub.engine.remove_peer(hub.now, PeerIndex{1}, hub.out);  // the late removal of the old place
    CHECK(hub.is_silent());
    CHECK(hub.engine.peer_count() == 1);
}

TEST_CASE(
    "H15: after a new private key old sessions send nothing, and a handshake is possible at once, only with the new "
    "key") {
    Hub hub;
    ScriptedPeer peer = hub.make_peer();
    hub.put_with_endpoint(peer, endpoint_at(1));
    hub.connect(peer);
    hub.advance(1s);
    hub.deliver(peer.initiate(5, hub.timestamp()));  // and an unconfirmed session
    const SessionId next = hub.commands<dataplane::InstallSession>().at(0)->local_id;
    const crypto::PublicKey old_key = hub.engine.public_key();
    hub.out.clear();
    hub.engine.set_private_key(hub.now, crypto::generate_private_key(hub.random), hub.out);
    CHECK(hub.engine.public_key() != old_key);
    CHECK(hub.commands<dataplane::StopSending>().size() == 1);
    REQUIRE(hub.commands<dataplane::RetireSession>().size() == 1);
    CHECK(hub.commands<dataplane::RetireSession>()[0]->local_id == next);

    hub.advance(1s);
    hub.deliver(peer.initiate(6, hub.timestamp()));  // to the old key
    CHECK(hub.is_silent());
    CHECK(hub.dropped(DropReason::kBadMac1) == 1);
    hub.need_session();  // within 5 s of our last message
    REQUIRE(hub.messages_of(MessageType::kInitiation) == 1);
    peer.hub = hub.engine.public_key();
    const auto answer = peer.respond(hub.out.messages[0].view(), 9);
    REQUIRE(answer.has_value());
    hub.deliver(answer->bytes);
    CHECK(hub.commands<dataplane::InstallSession>().size() == 1);
    hub.advance(1s);
    hub.deliver(peer.initiate(10, hub.timestamp()));
    CHECK(hub.messages_of(MessageType::kResponse) == 1);
}

TEST_CASE("H15: a handshake in progress when our key changes is dropped, and so is its response") {
    Hub hub;
    ScriptedPeer peer = hub.make_peer();
    hub.put_with_endpoint(peer, endpoint_at(1));
    hub.need_session();
    auto answer = peer.respond(hub.out.messages.at(0).view(), 9);
    REQUIRE(answer.has_value());
    hub.engine.set_private_key(hub.now, crypto::generate_private_key(hub.random), hub.out);
    fix_mac1(answer->bytes, hub.engine.public_key());
    hub.deliver(answer->bytes);
    CHECK(hub.is_silent());
    CHECK(hub.dropped(DropReason::kUnknownIndex) == 1);
}

TEST_CASE("H15: the same private key again changes nothing") {
    Hub hub;
    crypto::PrivateKey key = crypto::generate_private_key(hub.random);
    hub.engine.set_private_key(hub.now, key.clone(), hub.out);
    ScriptedPeer peer = hub.make_peer();
    hub.put(peer);
    hub.connect(peer);
    hub.out.clear();
    hub.engine.set_private_key(hub.now, std::move(key), hub.out);
    CHECK(hub.is_silent());
}

TEST_CASE("H15: a peer with our own key is ignored, and a peer whose key becomes ours is removed") {
    Hub hub;
    PeerConfig config;
    config.index = PeerIndex{0};
    config.customer = CustomerIndex{0};
    config.public_key = hub.engine.public_key();
    config.endpoint = endpoint_at(1);
    config.persistent_keepalive_seconds = 1;
    hub.put(std::move(config));
    CHECK(hub.is_silent());
    CHECK(hub.engine.peer_count() == 0);

    crypto::PrivateKey key = crypto::generate_private_key(hub.random);
    config = {};
    config.index = PeerIndex{1};
    config.customer = CustomerIndex{0};
    config.public_key = crypto::public_key_of(key);
    config.endpoint = endpoint_at(1);
    hub.put(std::move(config));
    CHECK(hub.engine.peer_count() == 1);
    hub.engine.set_private_key(hub.now, std::move(key), hub.out);
    CHECK(hub.engine.peer_count() == 0);
    hub.need_session(1);
    CHECK(hub.is_silent());
}

TEST_CASE("H15, T6: with a persistent keepalive a new private key starts a handshake at once") {
    Hub hub;
    ScriptedPeer peer = hub.make_peer();
    PeerConfig config = hub.config_of(peer);
    config.endpoint = endpoint_at(1);
    config.persistent_keepalive_seconds = 25;
    hub.put(std::move(config));
    REQUIRE(hub.messages_of(MessageType::kInitiation) == 1);
    hub.deliver(peer.respond(hub.out.messages[0].view(), 9)->bytes);
    hub.out.clear();
    hub.engine.set_private_key(hub.now, crypto::generate_private_key(hub.random), hub.out);
    CHECK(hub.messages_of(MessageType::kInitiation) == 1);
}

TEST_CASE("E1: a peer that goes back and forth between two endpoints is told, one that wanders is not") {
    Hub hub;
    ScriptedPeer peer = hub.make_peer();
    hub.put(peer);
    hub.connect(peer, 0, endpoint_at(1));
    std::size_t told = 0;
    const auto go = [&](std::uint8_t where, Duration after) {
        hub.advance(after);
        hub.tell(dataplane::PeerRoamed{PeerIndex{0}, endpoint_at(where), hub.local});
        told += hub.news<PeerFlaps>();
    };
    for (std::uint8_t i = 2; i < 100; ++i) go(i, 1s);  // NAT gives another port each time
    for (int i = 0; i < 10; ++i) go(99, 1s);
    CHECK(told == 0);
    for (int i = 0; i < 12; ++i) {  // seldom: a phone, at home and away
        go(1, 170s);
        go(99, 170s);
    }
    CHECK(told == 0);
    CHECK_FALSE(hub.engine.peer_status(PeerIndex{0})->flaps_with.has_value());
    go(50, 600s);
    go(51, 1s);
    for (int i = 0; i < 2; ++i) {
        CHECK(told == 0);
        go(50, 20s);
        go(51, 20s);
    }
    REQUIRE(told == 1);
    const auto& news = std::get<PeerFlaps>(hub.out.news[0]);
    CHECK(news.here == endpoint_at(51));
    CHECK(news.there == endpoint_at(50));
    CHECK(hub.engine.peer_status(PeerIndex{0})->flaps_with == endpoint_at(50));
    hub.run(601s);
    hub.connect(peer, 0, endpoint_at(51));
    CHECK_FALSE(hub.engine.peer_status(PeerIndex{0})->flaps_with.has_value());
}

// A peer as it is put after a restart.
PeerConfig config_with(const Hub& hub, const ScriptedPeer& peer, const LastKnown& kept, std::uint32_t index = 0) {
    PeerConfig config = hub.config_of(peer, index);
    config.last_known = std::make_unique<const LastKnown>(kept);
    return config;
}

TEST_CASE("T8, E1: a peer that had a session before a restart is called at once, where it was, from where it sent to") {
    Hub hub;
    ScriptedPeer peer = hub.make_peer();
    hub.put(peer);
    hub.connect(peer, 0, endpoint_at(7));
    const auto kept = hub.engine.to_keep(PeerIndex{0});
    REQUIRE(kept.has_value());
    CHECK(kept->public_key == peer.keys.public_key);
    CHECK(kept->peer.endpoint == endpoint_at(7));
    CHECK(kept->peer.local == hub.local);
    CHECK(kept->peer.has_session);
    CHECK(kept->peer.latest_handshake.nanoseconds == hub.now.wall.nanoseconds);

    Hub next(2);
    peer.hub = next.engine.public_key();
    next.advance(30s);
    next.put(config_with(next, peer, kept->peer));
    REQUIRE(next.messages_of(MessageType::kInitiation) == 1);
    CHECK(next.out.messages[0].to == endpoint_at(7));
    CHECK(next.out.messages[0].from == hub.local);
    REQUIRE(next.commands<dataplane::SetEndpoint>().size() == 1);
    CHECK(next.commands<dataplane::SetEndpoint>()[0]->remote == endpoint_at(7));
    CHECK(next.commands<dataplane::SetEndpoint>()[0]->local == hub.local);
    const auto status = next.engine.peer_status(PeerIndex{0});
    CHECK_FALSE(status->has_session);
    CHECK(next.now.instant - status->latest_handshake == 30s);
    CHECK(status->latest_handshake_wall.nanoseconds == hub.now.wall.nanoseconds);
    // The first repetitions come soon: its route may come up after us.
    next.run(2s);
    CHECK(next.messages_of(MessageType::kInitiation) == 2);
    // It is waited for, also over another restart, until we give up.
    CHECK(next.engine.to_keep(PeerIndex{0})->peer.has_session);
    CHECK(next.engine.peer_status(PeerIndex{0})->lost_because == LostBecause::kRestarted);
    next.run(120s);
    REQUIRE(next.news<PeerLost>() == 1);
    CHECK_FALSE(next.engine.to_keep(PeerIndex{0})->peer.has_session);
    CHECK_FALSE(next.engine.peer_status(PeerIndex{0})->has_session);
}

TEST_CASE("E1: a peer that was away before a restart is called when a packet waits for it, not before") {
    Hub hub;
    ScriptedPeer peer = hub.make_peer();
    hub.put(config_with(hub, peer, {endpoint_at(7), hub.local, hub.now.wall, false}));
    CHECK(hub.out.messages.empty());
    CHECK(hub.engine.peer_status(PeerIndex{0})->endpoint == endpoint_at(7));
    hub.run(60s);
    CHECK(hub.is_silent());
    hub.need_session();
    REQUIRE(hub.messages_of(MessageType::kInitiation) == 1);
    CHECK(hub.out.messages[0].to == endpoint_at(7));
    CHECK(hub.out.messages[0].from == hub.local);
    // What is kept again is the same.
    const auto kept = hub.engine.to_keep(PeerIndex{0});
    CHECK(kept->peer.endpoint == endpoint_at(7));
    CHECK(kept->peer.local == hub.local);
    CHECK_FALSE(kept->peer.has_session);
}

TEST_CASE("E1: a peer that has come by itself while it waited to be called is not called") {
    Hub hub;
    std::vector<ScriptedPeer> peers;
    for (std::uint32_t i = 0; i <= kPacedBurst; ++i) {
        peers.push_back(hub.make_peer());
        hub.put(config_with(hub, peers.back(), {endpoint_at(7), {}, hub.now.wall, true}, i));
    }
    CHECK(hub.out.messages.empty());  // the last one waits
    hub.connect(peers.back(), kPacedBurst);
    hub.run(100ms);
    CHECK(hub.out.messages.empty());
}

TEST_CASE("E1: an endpoint that the operator changes takes the place of the kept one") {
    Hub hub;
    ScriptedPeer peer = hub.make_peer();
    hub.put(config_with(hub, peer, {endpoint_at(7), hub.local, hub.now.wall, false}));
    hub.put_with_endpoint(peer, endpoint_at(2));
    CHECK(hub.commands<dataplane::SetEndpoint>().at(0)->remote == endpoint_at(2));
    CHECK(hub.engine.peer_status(PeerIndex{0})->endpoint == endpoint_at(2));
    // Other new settings leave it.
    Hub other;
    other.put(config_with(other, peer, {endpoint_at(7), other.local, other.now.wall, false}));
    other.put(peer);
    CHECK(other.engine.peer_status(PeerIndex{0})->endpoint == endpoint_at(7));
}

TEST_CASE("a peer is lost when its last session is rejected or our key changes, and not while one follows") {
    Hub hub;
    ScriptedPeer peer = hub.make_peer();
    hub.put(peer);
    hub.connect(peer);
    hub.run(100s);
    hub.connect(peer);
    hub.run(179s);
    CHECK(hub.news<PeerLost>() == 0);
    CHECK(hub.engine.peer_status(PeerIndex{0})->has_session);
    hub.run(1s);
    REQUIRE(hub.news<PeerLost>() == 1);
    CHECK(std::get<PeerLost>(hub.out.news[0]).reason == LostBecause::kSilent);
    CHECK_FALSE(hub.engine.peer_status(PeerIndex{0})->has_session);

    hub.connect(peer);
    hub.out.clear();
    hub.engine.set_private_key(hub.now, crypto::generate_private_key(hub.random), hub.out);
    REQUIRE(hub.news<PeerLost>() == 1);
    CHECK(std::get<PeerLost>(hub.out.news[0]).reason == LostBecause::kKeyChanged);
    CHECK_FALSE(hub.engine.peer_status(PeerIndex{0})->has_session);
    CHECK_FALSE(hub.engine.to_keep(PeerIndex{0})->peer.has_session);
    hub.run(300s);
    CHECK(hub.news<PeerLost>() == 0);
}

// The timestamp of the last initiation in `out`.
Tai64n timestamp_in(const Hub& hub, ScriptedPeer& peer) {
    REQUIRE_FALSE(hub.out.messages.empty());
    const auto answer = peer.respond(hub.out.messages.back().view(), 1);
    REQUIRE(answer.has_value());
    return answer->timestamp;
}

TEST_CASE("H9: our timestamps are later than all before a restart, also when the clock went back by years") {
    Hub hub;
    ScriptedPeer peer = hub.make_peer();
    hub.now.wall.nanoseconds += 126'000'000LL * 1'000'000'000LL;  // four years ahead
    hub.put_with_endpoint(peer, endpoint_at(1));
    hub.need_session();
    Tai64n latest = timestamp_in(hub, peer);
    Tai64n reserved;
    const auto take_reserved = [&reserved](const Hub& from) {
        for (const auto& record : from.out.records) {
            if (const auto news = reservation_of(record)) reserved = news->until;
        }
    };
    take_reserved(hub);
    CHECK(reserved >= latest);

    std::size_t records = 0;
    for (int restart = 0; restart < 5; ++restart) {
        Hub next(3);
        peer.hub = next.engine.public_key();
        next.engine.set_own_floor(reserved);
        next.put_with_endpoint(peer, endpoint_at(1));
        for (int i = 0; i < 10; ++i) {
            next.need_session();
            REQUIRE(next.messages_of(MessageType::kInitiation) == 1);
            const Tai64n stamp = timestamp_in(next, peer);
            CHECK(stamp > latest);
            latest = stamp;
            records += next.out.records.size();
            take_reserved(next);
            CHECK(reserved >= latest);
            next.run(200s);
            CHECK(timestamp_in(next, peer) > latest);
            latest = timestamp_in(next, peer);
            records += next.out.records.size();
            take_reserved(next);
        }
    }
    // Reserved in advance: not each of them is written; and not far, since each restart begins there.
    CHECK(records <= 40);
    CHECK(ahead_of(hub.now.wall, reserved) < 60s);
}

TEST_CASE("An engine returns all its indexes") {
    Hub hub;
    {
        Engine other(ListenerIndex{1}, crypto::generate_private_key(hub.random), hub.indexes, hub.random);
        ScriptedPeer peer(hub.random, other.public_key());
        PeerConfig config = hub.config_of(peer);
        config.endpoint = endpoint_at(1);
        other.put_peer(hub.now, std::move(config), hub.out);
        other.handle_event(hub.now, dataplane::NeedSession{PeerIndex{0}}, hub.out);
        other.handle_datagram(hub.now, {endpoint_at(1), {}}, peer.initiate(1, hub.timestamp()), hub.out);
        CHECK(hub.indexes.size() == 2);
    }
    CHECK(hub.indexes.size() == 0);
}

TEST_CASE("E1: the next handshake goes to the address at which the data plane last received from a peer") {
    Hub hub;
    ScriptedPeer peer = hub.make_peer();
    hub.put_with_endpoint(peer, endpoint_at(1));
    const LocalAddress second{IpAddress::v4(203, 0, 113, 2), 3};
    hub.tell(dataplane::PeerRoamed{PeerIndex{0}, endpoint_at(8), second});
    CHECK(hub.news<PeerMoved>() == 1);
    hub.need_session();
    CHECK(hub.out.messages.at(0).to == endpoint_at(8));
    CHECK(hub.out.messages.at(0).from == second);
}

}  // namespace
}  // namespace warren::wireguard
