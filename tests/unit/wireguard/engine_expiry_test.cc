// A peer that has a tunnel until a date.
#include "tests/unit/wireguard/harness.h"

namespace warren::wireguard {
namespace {

using namespace testing;

struct Guest : Hub {
    ScriptedPeer peer = make_peer();
    WallTime date = WallTime{now.wall.nanoseconds + Duration(1h).count()};

    explicit Guest(std::uint16_t keepalive = 0) { put_until(date, keepalive); }
    void put_until(WallTime expires, std::uint16_t keepalive = 0) {
        PeerConfig config = config_of(peer);
        config.expires = expires;
        config.endpoint = endpoint_at(1);
        config.persistent_keepalive_seconds = keepalive;
        put(std::move(config));
    }
    void set_clock(Duration by) { now.wall.nanoseconds += by.count(); }
    bool is_expired() const { return engine.peer_status({0})->is_expired; }
    bool has_session() const { return engine.peer_status({0})->has_session; }
    bool is_answered() {
        deliver(peer.initiate(5, timestamp()));
        return messages_of(MessageType::kResponse) == 1;
    }
};

TEST_CASE("a peer's sessions end at its date, and from then on nothing of it is accepted") {
    Guest hub;
    hub.run(1h - 1s);
    const SessionId session = hub.connect(hub.peer);
    CHECK_FALSE(hub.is_expired());
    hub.run(1s);
    CHECK(hub.is_expired());
    CHECK_FALSE(hub.has_session());
    REQUIRE(hub.commands<dataplane::RetireSession>().size() == 1);
    CHECK(hub.commands<dataplane::RetireSession>()[0]->local_id == session);
    REQUIRE(hub.news<PeerLost>() == 1);
    CHECK(std::get<PeerLost>(hub.out.news[0]).reason == LostBecause::kPastDate);
    CHECK(hub.indexes.size() == 0);

    CHECK_FALSE(hub.is_answered());
    CHECK(hub.dropped(DropReason::kPeerExpired) == 1);
    hub.need_session();
    CHECK(hub.out.messages.empty());
    CHECK(hub.commands<dataplane::PurgeStaged>().size() == 1);
}

TEST_CASE("a handshake is refused from the date on, before anybody has looked at the clock") {
    Guest hub;
    hub.set_clock(1h);
    CHECK_FALSE(hub.is_answered());
    CHECK(hub.dropped(DropReason::kPeerExpired) == 1);
    hub.need_session();
    CHECK(hub.out.messages.empty());
}

TEST_CASE("a response that comes after the date is refused") {
    Guest hub;
    hub.need_session();
    const auto answer = hub.peer.respond(hub.out.messages.at(0).view(), 9);
    hub.set_clock(1h);
    hub.deliver(answer->bytes);
    CHECK(hub.commands<dataplane::InstallSession>().empty());
}

TEST_CASE("a clock that is set forward is noticed within a second, and so is one that is set back") {
    Guest hub;
    hub.connect(hub.peer);
    hub.set_clock(2h);
    hub.run(kExpiryInterval);
    CHECK(hub.is_expired());
    CHECK_FALSE(hub.has_session());
    hub.set_clock(-2h);
    hub.run(kExpiryInterval);
    CHECK_FALSE(hub.is_expired());
    hub.advance(3h);  // the peer shows a later time than before
    hub.set_clock(-3h);
    hub.deliver(hub.peer.initiate(5, tai64n_whitened(WallTime{hub.now.wall.nanoseconds + Duration(10s).count()})));
    CHECK(hub.messages_of(MessageType::kResponse) == 1);
}

TEST_CASE("an expired peer with a persistent keepalive is left alone until its date is a later one") {
    Guest hub(25);
    hub.run(1h);
    hub.run(10min);
    CHECK(hub.messages_of(MessageType::kInitiation) == 0);
    hub.put_until(WallTime{hub.now.wall.nanoseconds + Duration(1h).count()}, 25);
    hub.run(30s);
    CHECK(hub.messages_of(MessageType::kInitiation) >= 1);
    CHECK_FALSE(hub.is_expired());
}

TEST_CASE("a new date may be an earlier one, or none") {
    Guest hub;
    hub.connect(hub.peer);
    hub.put_until(WallTime{hub.now.wall.nanoseconds - 1});
    CHECK(hub.is_expired());
    CHECK_FALSE(hub.has_session());
    hub.put_until({});
    CHECK_FALSE(hub.is_expired());
    hub.advance(1s);
    CHECK(hub.is_answered());
    CHECK(hub.engine.next_deadline() != kNever);
    hub.engine.remove_peer(hub.now, {0}, hub.out);
    CHECK(hub.engine.next_deadline() == kNever);
}

TEST_CASE("sessions of an earlier process do not go on when the date has passed meanwhile") {
    Hub hub;
    const ScriptedPeer peer = hub.make_peer();
    std::vector<control::SessionRecord> kept(1);
    kept[0].local_id = {5 << SessionId::kWorkerBits};
    kept[0].created = hub.now.instant - 30s;
    kept[0].is_initiator = true;
    kept[0].place.remote = endpoint_at(1);
    PeerConfig config = hub.config_of(peer);
    config.expires = hub.now.wall;
    config.last_known = std::make_unique<const LastKnown>(LastKnown{endpoint_at(1), hub.local, hub.now.wall, true, {}});
    hub.engine.put_peer(hub.now, std::move(config), hub.out, kept);
    CHECK(hub.commands<dataplane::InstallSession>().empty());
    CHECK(hub.out.messages.empty());
    CHECK(hub.engine.peer_status({0})->is_expired);
}

}  // namespace
}  // namespace warren::wireguard
