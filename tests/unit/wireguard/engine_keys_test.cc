// A peer with two keys, and a listener with two: which of them a tunnel is with, and what ends when one goes.
#include "tests/unit/wireguard/harness.h"

namespace warren::wireguard {
namespace {

using namespace testing;

// A hub with one peer that has two keys.
struct Rotating : Hub {
    ScriptedPeer old = make_peer();
    ScriptedPeer next = make_peer();

    Rotating() { put_both(); }
    PeerConfig config_of_both() const {
        PeerConfig config = config_of(old);
        config.next = std::make_unique<NextKey>(NextKey{next.keys.public_key, {}});
        return config;
    }
    void put_both() { put(config_of_both()); }
    void commit() { put(next); }
    void cancel() { put(old); }
    bool uses_next() const { return engine.peer_status({0})->uses_next_key; }
    bool has_session() const { return engine.peer_status({0})->has_session; }
    // An initiation that is answered; returns the index of the new session, which nobody has confirmed.
    SessionId initiate(ScriptedPeer& peer, std::uint32_t sender = 7) {
        advance(1s);
        deliver(peer.initiate(sender, timestamp()));
        REQUIRE(messages_of(MessageType::kResponse) == 1);
        return SessionId{parse_response(out.messages[0].view())->sender};
    }
    bool is_retired(SessionId session) const {
        for (const auto* retired : commands<dataplane::RetireSession>()) {
            if (retired->local_id == session) return true;
        }
        return false;
    }
};

TEST_CASE("the first confirmed handshake of the next key moves the tunnel to it, and the old session is received on") {
    Rotating hub;
    const SessionId first = hub.connect(hub.old);
    CHECK_FALSE(hub.uses_next());
    const SessionId second = hub.initiate(hub.next);
    CHECK_FALSE(hub.is_retired(first));
    CHECK_FALSE(hub.uses_next());  // nobody has shown yet that it has the key
    hub.tell(dataplane::SessionConfirmed{{0}, second});
    CHECK(hub.uses_next());
    CHECK(hub.commands<dataplane::RetireSession>().empty());
    CHECK(hub.news<HandshakeCompleted>() == 1);
    CHECK(hub.engine.peer_count() == 1);
}

TEST_CASE("a handshake of the next key that is not confirmed moves nothing") {
    Rotating hub;
    const SessionId first = hub.connect(hub.old);
    hub.initiate(hub.next);
    hub.run(10s);
    CHECK_FALSE(hub.uses_next());
    CHECK(hub.has_session());
    CHECK_FALSE(hub.is_retired(first));
    // Nor does what somebody says of another session.
    hub.tell(dataplane::SessionConfirmed{{0}, {0x7fffffc0}});
    CHECK_FALSE(hub.uses_next());
}

TEST_CASE("while both keys are there the peer may go back") {
    Rotating hub;
    hub.connect(hub.old);
    hub.advance(1s);
    hub.connect(hub.next);
    CHECK(hub.uses_next());
    hub.advance(1s);
    hub.connect(hub.old);
    CHECK_FALSE(hub.uses_next());
}

TEST_CASE("a replayed initiation of the old key does not move the tunnel back") {
    Rotating hub;
    const auto recorded = hub.old.initiate(1, hub.timestamp());
    hub.deliver(recorded);
    hub.tell(dataplane::SessionConfirmed{{0}, SessionId{parse_response(hub.out.messages.at(0).view())->sender}});
    hub.advance(1s);
    hub.connect(hub.next);
    REQUIRE(hub.uses_next());
    hub.advance(1s);
    hub.deliver(recorded);
    CHECK(hub.messages_of(MessageType::kResponse) == 0);
    // And when the filter of replays has forgotten it, the timestamp of the old key says so.
    auto other = recorded;
    store_le(other.data() + 4, std::uint32_t{2});
    fix_mac1(other, hub.engine.public_key());
    hub.deliver(other);
    CHECK(hub.messages_of(MessageType::kResponse) == 0);
    CHECK(hub.dropped(DropReason::kOldTimestamp) == 1);
    CHECK(hub.uses_next());
}

TEST_CASE("each key has its own timestamps: a clock behind that of the old key's machine locks nobody out") {
    Rotating hub;
    hub.connect(hub.old);
    const Tai64n earlier = tai64n_whitened(WallTime{hub.now.wall.nanoseconds - Duration(3600s).count()});
    hub.advance(1s);
    hub.deliver(hub.next.initiate(9, earlier));
    CHECK(hub.messages_of(MessageType::kResponse) == 1);
    const auto all = hub.engine.export_timestamps();
    CHECK(all.size() == 2);
}

TEST_CASE("after the commit the old key is refused, and the tunnel of the new one goes on") {
    Rotating hub;
    const SessionId first = hub.connect(hub.old);
    hub.advance(1s);
    const SessionId second = hub.connect(hub.next);
    hub.commit();
    CHECK(hub.is_retired(first));
    CHECK_FALSE(hub.is_retired(second));
    CHECK(hub.has_session());
    CHECK_FALSE(hub.uses_next());  // there is one key
    CHECK(hub.news<PeerLost>() == 0);
    CHECK(hub.commands<dataplane::ForgetEndpoint>().empty());

    hub.advance(1s);
    hub.deliver(hub.old.initiate(11, hub.timestamp()));
    CHECK(hub.messages_of(MessageType::kResponse) == 0);
    CHECK(hub.dropped(DropReason::kUnknownPeer) == 1);
    hub.connect(hub.next);
    CHECK(hub.has_session());
}

TEST_CASE("a commit before the peer has changed its key ends its session") {
    Rotating hub;
    const SessionId first = hub.connect(hub.old);
    hub.commit();
    CHECK(hub.is_retired(first));
    CHECK_FALSE(hub.has_session());
    REQUIRE(hub.news<PeerLost>() == 1);
    CHECK(std::get<PeerLost>(hub.out.news[0]).reason == LostBecause::kStopped);
    CHECK(hub.indexes.size() == 0);
}

TEST_CASE("a replay of the new key stays old over the commit") {
    Rotating hub;
    const auto recorded = hub.next.initiate(1, hub.timestamp());
    hub.deliver(recorded);
    hub.commit();
    hub.advance(1s);
    auto other = recorded;
    store_le(other.data() + 4, std::uint32_t{2});
    fix_mac1(other, hub.engine.public_key());
    hub.deliver(other);
    CHECK(hub.dropped(DropReason::kOldTimestamp) == 1);
}

TEST_CASE("a cancelled rotation refuses the next key and ends its session") {
    Rotating hub;
    hub.connect(hub.old);
    hub.advance(1s);
    const SessionId second = hub.connect(hub.next);
    hub.cancel();
    CHECK(hub.is_retired(second));
    CHECK_FALSE(hub.has_session());
    hub.advance(1s);
    hub.deliver(hub.next.initiate(3, hub.timestamp()));
    CHECK(hub.dropped(DropReason::kUnknownPeer) == 1);
}

TEST_CASE("a cancelled rotation ends what nobody has confirmed of the next key, too") {
    Rotating hub;
    const SessionId first = hub.connect(hub.old);
    const SessionId second = hub.initiate(hub.next);
    hub.cancel();
    CHECK(hub.is_retired(second));
    CHECK_FALSE(hub.is_retired(first));
    hub.tell(dataplane::SessionConfirmed{{0}, second});
    CHECK_FALSE(hub.uses_next());
    CHECK(hub.has_session());
    CHECK(hub.indexes.size() == 1);
}

TEST_CASE("a cancelled rotation ends a session that the present key has replaced") {
    Rotating hub;
    hub.connect(hub.old);
    hub.advance(1s);
    const SessionId replaced = hub.connect(hub.next);
    hub.advance(6s);
    hub.connect(hub.old);
    hub.cancel();
    CHECK(hub.is_retired(replaced));
    CHECK(hub.has_session());
    CHECK_FALSE(hub.uses_next());
}

TEST_CASE("an initiation of ours to the next key is not waited for when that goes") {
    Rotating hub;
    PeerConfig config = hub.config_of_both();
    config.endpoint = endpoint_at(1);
    hub.put(std::move(config));
    std::optional<ScriptedPeer::Answer> answer;
    hub.need_session();
    for (int i = 0; i < 20 && !answer; ++i) {
        hub.run(2s);
        if (!hub.out.messages.empty()) answer = hub.next.respond(hub.out.messages.back().view(), 9);
    }
    REQUIRE(answer);
    hub.cancel();
    hub.deliver(answer->bytes);
    CHECK(hub.commands<dataplane::InstallSession>().empty());
    CHECK_FALSE(hub.has_session());
}

TEST_CASE("a handshake under way goes on over the commit when it is the new key's") {
    Rotating hub;
    hub.connect(hub.old);
    const SessionId second = hub.initiate(hub.next);
    hub.commit();
    CHECK_FALSE(hub.is_retired(second));
    hub.tell(dataplane::SessionConfirmed{{0}, second});
    CHECK(hub.has_session());
}

TEST_CASE("the next key of one peer never is another peer's: the last one that is put has it") {
    Rotating hub;
    ScriptedPeer other = hub.make_peer();
    hub.put(other, 1);
    hub.connect(hub.old);
    hub.advance(1s);
    const SessionId second = hub.connect(hub.next);
    // It is given to the other peer: what the first one had with it ends.
    PeerConfig config = hub.config_of(other, 1);
    config.next = std::make_unique<NextKey>(NextKey{hub.next.keys.public_key, {}});
    hub.put(std::move(config));
    CHECK(hub.is_retired(second));
    CHECK_FALSE(hub.has_session());
    CHECK(hub.engine.peer_count() == 2);
    hub.advance(1s);
    hub.deliver(hub.next.initiate(5, hub.timestamp()));
    const auto installed = hub.commands<dataplane::InstallSession>();
    REQUIRE(installed.size() == 1);
    CHECK(installed[0]->peer == PeerIndex{1});
}

TEST_CASE("our initiations are for the key in use, and now and then for the other one") {
    Rotating hub;
    PeerConfig config = hub.config_of_both();
    config.endpoint = endpoint_at(1);
    hub.put(std::move(config));
    hub.connect(hub.old);
    hub.run(200s);  // its session is over
    hub.need_session();
    std::size_t for_old = hub.old.respond(hub.out.messages.at(0).view(), 9) ? 1 : 0;
    CHECK(for_old == 1);
    hub.run(60s);
    std::size_t for_next = 0;
    std::optional<ScriptedPeer::Answer> answer;
    for (const auto& message : hub.out.messages) {
        if (hub.old.respond(message.view(), 9)) ++for_old;
        if (auto found = hub.next.respond(message.view(), 9)) {
            ++for_next;
            answer = std::move(found);
        }
    }
    CHECK(for_next >= 2);
    CHECK(for_old > for_next);
    // One that is answered moves the tunnel: only who has the key can.
    hub.need_session();
    for (int i = 0; i < 20 && !hub.uses_next(); ++i) {
        hub.run(6s);
        for (const auto& message : std::vector<OutgoingMessage>(hub.out.messages)) {
            if (auto found = hub.next.respond(message.view(), 9)) hub.deliver(found->bytes);
        }
    }
    CHECK(hub.uses_next());
    CHECK(hub.has_session());
}

TEST_CASE("sessions that are kept have the name of their own keys, and come back with them") {
    Rotating hub;
    hub.connect(hub.old);
    hub.advance(1s);
    const SessionId second = hub.connect(hub.next);
    const auto kept = hub.engine.kept_peer({0}, second);
    REQUIRE(kept);
    CHECK(kept->name == hub.engine.name_of(hub.next.keys.public_key));
    CHECK(hub.engine.to_keep({0})->public_key == hub.next.keys.public_key);

    Rotating successor;  // the same keys: the same seed
    REQUIRE(successor.next.keys.public_key == hub.next.keys.public_key);
    successor.engine.remove_peer(successor.now, {0}, successor.out);
    std::vector<control::SessionRecord> records(2);
    for (std::uint32_t i = 0; i < 2; ++i) {
        records[i].peer = successor.engine.name_of(i == 0 ? hub.old.keys.public_key : hub.next.keys.public_key);
        records[i].local_id = {(i + 5) << SessionId::kWorkerBits};
        records[i].created = successor.now.instant - (2s - i * 1s);
        records[i].is_initiator = true;
        records[i].place.remote = endpoint_at(1);
    }
    successor.out.clear();
    successor.engine.put_peer(successor.now, successor.config_of_both(), successor.out, records);
    CHECK(successor.commands<dataplane::InstallSession>().size() == 2);
    CHECK(successor.uses_next());
    successor.commit();
    CHECK(successor.is_retired({5 << SessionId::kWorkerBits}));
    CHECK(successor.has_session());
}

// --- ours ----------------------------------------------------------------------------------------

// A hub whose key was changed, with the old one as the previous.
struct Changed : Hub {
    ScriptedPeer old = make_peer();  // knows the old key
    crypto::PrivateKey first = crypto::generate_private_key(random);
    crypto::PrivateKey second = crypto::generate_private_key(random);

    Changed() {
        engine.set_private_key(now, first.clone(), out);
        old.hub = engine.public_key();
        put(old);
    }
    void change() {
        out.clear();
        engine.set_private_key(now, second.clone(), out, first.clone());
    }
    void remove_previous() {
        out.clear();
        engine.set_private_key(now, second.clone(), out);
    }
    control::PeerStatus status() const { return *engine.peer_status({0}); }
};

TEST_CASE("sessions go on when our key changes and the old one stays as the previous") {
    Changed hub;
    hub.connect(hub.old);
    CHECK_FALSE(hub.status().uses_previous_identity);
    hub.change();
    CHECK(hub.is_silent());
    CHECK(hub.status().has_session);
    CHECK(hub.status().uses_previous_identity);
    CHECK(hub.engine.previous_identity() == to_base64(hub.old.hub));
    CHECK(hub.engine.name_of(hub.old.keys.public_key, OurKey::kPrevious) == hub.engine.kept_peer({0}, {})->name);
}

TEST_CASE("initiations to either of our keys are answered, and show which the peer knows") {
    Changed hub;
    hub.change();
    hub.connect(hub.old);
    CHECK(hub.status().uses_previous_identity);
    CHECK(hub.engine.to_keep({0})->ours == hub.old.hub);
    hub.advance(1s);
    hub.old.hub = hub.engine.public_key();
    hub.connect(hub.old);
    CHECK_FALSE(hub.status().uses_previous_identity);
    CHECK(hub.status().has_session);
}

TEST_CASE("an initiation to one of our keys with the mac of the other is not taken") {
    Changed hub;
    hub.change();
    auto bytes = hub.old.initiate(1, hub.timestamp());
    fix_mac1(bytes, hub.engine.public_key());
    hub.deliver(bytes);
    CHECK(hub.messages_of(MessageType::kResponse) == 0);
    CHECK(hub.dropped(DropReason::kBadInitiation) == 1);
}

TEST_CASE("when the previous key is removed it is not answered, and nothing is sent on its sessions") {
    Changed hub;
    hub.change();
    hub.connect(hub.old);
    hub.remove_previous();
    CHECK(hub.commands<dataplane::StopSending>().size() == 1);
    CHECK_FALSE(hub.status().has_session);
    CHECK(hub.engine.previous_identity().empty());
    hub.advance(1s);
    hub.deliver(hub.old.initiate(5, hub.timestamp()));
    CHECK(hub.dropped(DropReason::kBadMac1) == 1);
}

TEST_CASE("a peer that knows the new key does not notice that the previous one goes") {
    Changed hub;
    hub.change();
    hub.old.hub = hub.engine.public_key();
    hub.connect(hub.old);
    hub.remove_previous();
    CHECK(hub.is_silent());
    CHECK(hub.status().has_session);
}

TEST_CASE("under load a cookie is given to who knows the previous key, too") {
    Changed hub;
    hub.change();
    hub.put_under_load();
    hub.deliver(hub.old.initiate(1, hub.timestamp()), endpoint_at(50));
    REQUIRE(hub.messages_of(MessageType::kCookieReply) == 1);
    const auto reply = *parse_cookie_reply(hub.out.messages[0].view());
    MacWriter macs;
    auto bytes = hub.old.initiate(2, hub.timestamp());
    macs.sign(hub.now.instant, bytes, hub.old.hub);
    hub.deliver(bytes, endpoint_at(50));
    REQUIRE(hub.messages_of(MessageType::kCookieReply) == 1);
    CHECK(macs.consume(hub.now.instant, *parse_cookie_reply(hub.out.messages[0].view()), hub.old.hub) ==
          CookieVerdict::kAccepted);
    CHECK(reply.receiver == 1);
    bytes = hub.old.initiate(3, hub.timestamp());
    macs.sign(hub.now.instant, bytes, hub.old.hub);
    hub.deliver(bytes, endpoint_at(50));
    CHECK(hub.messages_of(MessageType::kResponse) == 1);
}

TEST_CASE("we initiate with the key of ours that the peer knows") {
    Changed hub;
    hub.connect(hub.old);
    hub.change();
    hub.run(200s);
    hub.need_session();
    REQUIRE(hub.messages_of(MessageType::kInitiation) == 1);
    const auto answer = hub.old.respond(hub.out.messages[0].view(), 9);
    REQUIRE(answer);
    hub.deliver(answer->bytes);
    CHECK(hub.status().has_session);
    CHECK(hub.status().uses_previous_identity);
}

}  // namespace
}  // namespace warren::wireguard
