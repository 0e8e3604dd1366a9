// Sessions of an earlier process go on: as established, for as long as they may.
#include "tests/unit/wireguard/harness.h"

namespace warren::wireguard {
namespace {

using namespace testing;

control::SessionRecord record_of(std::uint32_t id, Instant created, bool is_initiator = true) {
    control::SessionRecord record;
    record.local_id = {id << SessionId::kWorkerBits};
    record.remote_id = id + 1;
    record.created = created;
    record.is_initiator = is_initiator;
    record.first_counter = 65'536;
    record.send_key.secret.writable()[0] = 1;
    record.receive_key.secret.writable()[0] = 2;
    record.place.remote = endpoint_at(7, 1234);
    record.place.local = {IpAddress::v4(203, 0, 113, 9), 4};
    return record;
}

// A hub whose peer comes back with these sessions.
struct Successor : Hub {
    ScriptedPeer peer = make_peer();
    std::vector<control::SessionRecord> kept;
    std::optional<LastKnown> last_known;
    std::optional<Endpoint> configured;

    void resume(std::uint16_t keepalive = 0) {
        PeerConfig config = config_of(peer);
        config.persistent_keepalive_seconds = keepalive;
        config.endpoint = configured;
        if (last_known) config.last_known = std::make_unique<const LastKnown>(*last_known);
        out.clear();
        engine.put_peer(now, std::move(config), out, kept);
    }
    std::vector<const dataplane::InstallSession*> installed() const { return commands<dataplane::InstallSession>(); }
};

TEST_CASE("a session goes on without a handshake, from the counter and the place that were kept") {
    Successor hub;
    hub.kept.push_back(record_of(5, hub.now.instant - 30s));
    hub.resume();
    CHECK(hub.out.messages.empty());
    CHECK(hub.news<PeerResumed>() == hub.out.news.size());
    const auto installed = hub.installed();
    REQUIRE(installed.size() == 1);
    CHECK(installed[0]->local_id == SessionId{5 << SessionId::kWorkerBits});
    CHECK(installed[0]->remote_id == 6);
    CHECK(installed[0]->first_counter == 65'536);
    CHECK(installed[0]->created == hub.now.instant - 30s);
    CHECK(installed[0]->send_when == dataplane::SendWhen::kNowInSilence);
    CHECK(installed[0]->lifetime.hard.age == kRejectAfterTime);
    const auto places = hub.commands<dataplane::SetEndpoint>();
    REQUIRE(places.size() == 1);
    CHECK(places[0]->remote == endpoint_at(7, 1234));
    CHECK(places[0]->local.interface_index == 4);

    const auto status = *hub.engine.peer_status({0});
    CHECK(status.endpoint == endpoint_at(7, 1234));
    CHECK(status.latest_handshake == hub.now.instant - 30s);
    CHECK(status.latest_handshake_wall.nanoseconds == hub.now.wall.nanoseconds - Duration(30s).count());
}

TEST_CASE("the place is where the peer is, before the session is used") {
    Successor hub;
    hub.kept.push_back(record_of(5, hub.now.instant - 30s));
    hub.resume();
    REQUIRE(hub.out.commands.size() == 2);
    CHECK(std::holds_alternative<dataplane::SetEndpoint>(hub.out.commands[0].command));
}

TEST_CASE("a peer whose session goes on is not called, and is where that was last") {
    Successor hub;
    hub.kept.push_back(record_of(5, hub.now.instant - 30s));
    hub.last_known = {endpoint_at(8), hub.local, {hub.now.wall.nanoseconds - Duration(300s).count()}, true};
    hub.resume();
    CHECK(hub.out.messages.empty());
    CHECK(hub.news<PeerResumed>() == 1);
    CHECK(hub.commands<dataplane::SetEndpoint>().back()->remote == endpoint_at(7, 1234));
    const auto status = *hub.engine.peer_status({0});
    CHECK(status.has_session);
    CHECK(status.endpoint == endpoint_at(7, 1234));
    CHECK(status.latest_handshake == hub.now.instant - 30s);
    CHECK(hub.engine.to_keep({0})->peer.endpoint == endpoint_at(7, 1234));
    // It is lost as any other.
    hub.run(151s);
    REQUIRE(hub.news<PeerLost>() == 1);
    CHECK(std::get<PeerLost>(hub.out.news.front()).reason == LostBecause::kSilent);
}

TEST_CASE("a peer that had a session which does not go on is called where it was") {
    const auto last_known = [](const Hub& hub) { return LastKnown{endpoint_at(8), hub.local, hub.now.wall, true}; };
    Successor hub;
    hub.last_known = last_known(hub);
    hub.kept.push_back(record_of(5, hub.now.instant - kRejectAfterTime));
    hub.resume();
    REQUIRE(hub.messages_of(MessageType::kInitiation) == 1);
    CHECK(hub.out.messages[0].to == endpoint_at(8));
    CHECK(hub.news<PeerResumed>() == 0);
    // One that it did not confirm may be nobody's.
    Successor other;
    other.last_known = last_known(other);
    other.kept.push_back(record_of(6, other.now.instant - 1s, false));
    other.kept[0].place = {};
    other.resume();
    REQUIRE(other.installed().size() == 1);
    REQUIRE(other.messages_of(MessageType::kInitiation) == 1);
    CHECK(other.out.messages[0].to == endpoint_at(8));
}

TEST_CASE("a persistent keepalive is sent on the session that goes on, and begins no handshake") {
    Successor hub;
    hub.kept.push_back(record_of(5, hub.now.instant - 30s));
    hub.resume(25);
    CHECK(hub.messages_of(MessageType::kInitiation) == 0);
    CHECK(hub.commands<dataplane::SendKeepalive>().size() == 1);
}

TEST_CASE("a session that is too old, or not yet born, does not go on") {
    for (const Duration age : {Duration(kRejectAfterTime), Duration(-1s)}) {
        Successor hub;
        hub.kept.push_back(record_of(5, hub.now.instant - age));
        hub.resume();
        CHECK(hub.installed().empty());
        CHECK(hub.indexes.size() == 0);
    }
    Successor hub;
    hub.kept.push_back(record_of(5, hub.now.instant - kRejectAfterTime + 1ns));
    hub.resume();
    CHECK(hub.installed().size() == 1);
}

TEST_CASE("a damaged record or file that names an impossible time does no harm") {
    for (const std::int64_t time : {INT64_MIN, INT64_MIN + 1, std::int64_t{-1}, INT64_MAX}) {
        Successor hub;
        hub.kept.push_back(record_of(5, Instant{time}));
        hub.last_known = {endpoint_at(8), hub.local, WallTime{time}, false};
        hub.resume();
        CHECK(hub.installed().empty());
        CHECK(hub.indexes.size() == 0);
        const Instant latest = hub.engine.peer_status({0})->latest_handshake;
        CHECK(latest == (time < 0 ? kLongAgo : hub.now.instant));
    }
}

TEST_CASE("an endpoint that the operator changed meanwhile is not overridden by the kept place") {
    const auto with = [](std::optional<Endpoint> then, std::optional<Endpoint> now) {
        Successor hub;
        hub.kept.push_back(record_of(5, hub.now.instant - 30s));
        hub.kept[0].place.configured = control::digest_of(then);
        hub.configured = now;
        hub.resume();
        CHECK(hub.installed().size() == 1);
        CHECK(hub.engine.kept_peer({0}, {})->place.configured == control::digest_of(now));
        CHECK(hub.commands<dataplane::SetEndpoint>().back()->remote == hub.engine.peer_status({0})->endpoint);
        return hub.engine.peer_status({0})->endpoint;
    };
    const Endpoint kept = endpoint_at(7, 1234);
    CHECK(with(endpoint_at(8), endpoint_at(8)) == kept);
    CHECK(with(endpoint_at(8), endpoint_at(9)) == endpoint_at(9));
    CHECK(with(std::nullopt, endpoint_at(9)) == endpoint_at(9));
    CHECK(with(endpoint_at(8), endpoint_at(8, 51821)) == endpoint_at(8, 51821));
    // As while it runs: a peer that has none in the configuration stays where it is.
    CHECK(with(endpoint_at(8), std::nullopt) == kept);
}

TEST_CASE("its limits are those of a session that began here: it is renewed and retired in time") {
    Successor hub;
    hub.kept.push_back(record_of(5, hub.now.instant - 100s));
    hub.resume();
    hub.run(79s);
    CHECK(hub.commands<dataplane::RetireSession>().empty());
    hub.run(2s);
    CHECK(hub.commands<dataplane::RetireSession>().size() == 1);
    CHECK(hub.indexes.size() == 0);
}

TEST_CASE("the newest confirmed session is the current one, the one before it is received on") {
    Successor hub;
    hub.kept.push_back(record_of(4, hub.now.instant - 150s));
    hub.kept.push_back(record_of(5, hub.now.instant - 90s));
    hub.kept.push_back(record_of(6, hub.now.instant - 30s));
    hub.resume();
    CHECK(hub.installed().size() == 3);
    const auto retired = hub.commands<dataplane::RetireSession>();
    REQUIRE(retired.size() == 1);
    CHECK(retired[0]->local_id == SessionId{4 << SessionId::kWorkerBits});
    CHECK(hub.engine.peer_status({0})->latest_handshake == hub.now.instant - 30s);
}

TEST_CASE("a session that the peer did not confirm waits for its first message") {
    Successor hub;
    hub.kept.push_back(record_of(5, hub.now.instant - 90s));
    hub.kept.push_back(record_of(6, hub.now.instant - 1s, false));
    hub.resume();
    REQUIRE(hub.installed().size() == 2);
    CHECK(hub.installed()[1]->send_when == dataplane::SendWhen::kAfterFirstReceived);
    CHECK(hub.engine.peer_status({0})->latest_handshake == hub.now.instant - 90s);
    hub.tell(dataplane::SessionConfirmed{PeerIndex{0}, SessionId{6 << SessionId::kWorkerBits}});
    CHECK(hub.news<HandshakeCompleted>() == 1);

    Successor other;
    other.kept.push_back(record_of(6, other.now.instant - 1s, false));
    other.kept[0].has_received = true;
    other.resume();
    REQUIRE(other.installed().size() == 1);
    CHECK(other.installed()[0]->send_when == dataplane::SendWhen::kNowInSilence);
}

TEST_CASE("an id that is in use is not taken over") {
    Successor hub;
    hub.kept.push_back(record_of(5, hub.now.instant - 30s));
    REQUIRE(hub.indexes.resume({5 << SessionId::kWorkerBits}, {}));
    hub.resume();
    CHECK(hub.installed().empty());
}

TEST_CASE("the worker that the id names knows which one has the session, until it is retired") {
    Successor hub;
    hub.kept.push_back(record_of(5, hub.now.instant - 179s));
    hub.kept[0].local_id.value += 3;
    hub.resume();
    const auto posted_to = [&](auto type) {
        std::vector<std::uint32_t> workers;
        for (const auto& posted : hub.out.commands) {
            if (std::holds_alternative<decltype(type)>(posted.command)) workers.push_back(posted.worker);
        }
        return workers;
    };
    CHECK(posted_to(dataplane::InstallSession{}) == std::vector<std::uint32_t>{0});
    CHECK(posted_to(dataplane::RouteSession{}) == std::vector<std::uint32_t>{3});
    CHECK(hub.commands<dataplane::RouteSession>()[0]->worker == 0);
    hub.run(2s);
    CHECK(posted_to(dataplane::RetireSession{}) == std::vector<std::uint32_t>{0, 3});
}

TEST_CASE("a peer's name is another with another key of either side") {
    Hub hub;
    const ScriptedPeer peer = hub.make_peer();
    const ScriptedPeer other = hub.make_peer();
    const auto name = hub.engine.name_of(peer.keys.public_key);
    CHECK(name == hub.engine.name_of(peer.keys.public_key));
    CHECK(name != hub.engine.name_of(other.keys.public_key));
    hub.engine.set_private_key(hub.now, crypto::generate_private_key(hub.random), hub.out);
    CHECK(name != hub.engine.name_of(peer.keys.public_key));
}

TEST_CASE("listeners with the same key have names of their own for the same peer") {
    Hub hub;
    const ScriptedPeer peer = hub.make_peer();
    hub.engine.set_listener_name("listener 'acme'");
    const auto at_acme = hub.engine.name_of(peer.keys.public_key);
    hub.engine.set_listener_name("listener 'globex'");
    CHECK(hub.engine.name_of(peer.keys.public_key) != at_acme);
    hub.engine.set_listener_name("listener 'acme'");
    CHECK(hub.engine.name_of(peer.keys.public_key) == at_acme);
}

}  // namespace
}  // namespace warren::wireguard
