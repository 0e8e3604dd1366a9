// Datagrams in, in the order of their checks: form, mac1, replay, load, Diffie-Hellman, peer, timestamp. And our own
// initiations.
#include <algorithm>

#include "crypto/x25519.h"
#include "vpnd/wireguard/engine_state.h"

namespace warren::wireguard {

namespace {

SymmetricState begin_handshake() {
    static const SymmetricState start(as_bytes(kIdentifier));
    return start.clone();
}

template <std::size_t N>
OutgoingMessage outgoing(const Endpoint& to, const LocalAddress& from, std::uint8_t traffic_class,
                         std::span<const std::uint8_t, N> bytes, bool pinned = false) {
    return {to, from, traffic_class, std::vector<std::uint8_t>(bytes.begin(), bytes.end()), 0, pinned};
}

// Whether an answer to what arrived at `at` may leave from there.
bool may_answer_from(const PeerConfig& config, const IpAddress& at) {
    return config.sources == nullptr ||
           std::find(config.sources->begin(), config.sources->end(), at) != config.sources->end();
}

dataplane::InstallSession install(Instant now, ListenerIndex listener, PeerIndex peer, SessionId ours,
                                  std::uint32_t theirs, bool is_initiator, SymmetricState& state) {
    auto [initiator_sends, responder_sends] = state.split();
    dataplane::InstallSession session;
    session.local_id = ours;
    session.remote_id = theirs;
    session.peer = peer;
    session.listener = listener;
    session.send_key = std::move(is_initiator ? initiator_sends : responder_sends);
    session.receive_key = std::move(is_initiator ? responder_sends : initiator_sends);
    session.created = now;
    session.lifetime = lifetime_of(is_initiator);
    session.is_initiator = is_initiator;
    session.send_when = is_initiator ? dataplane::SendWhen::kNow : dataplane::SendWhen::kAfterFirstReceived;
    return session;
}

}  // namespace

dataplane::Lifetime lifetime_of(bool is_initiator) {
    dataplane::Lifetime lifetime;
    if (is_initiator) {
        lifetime.renew_on_sending.age = kRekeyAfterTime;
        lifetime.renew_on_receiving = kRekeyAfterReceiving;
    }
    lifetime.hard.age = kRejectAfterTime;
    lifetime.renew_on_sending.messages = kRekeyAfterMessages;
    lifetime.hard.messages = kRejectAfterMessages;
    return lifetime;
}

void Engine::State::count_handled() {
    if (queue_is_long && ++handled_in_window < kExpensiveWindow) return;
    handled_in_window = 0;
    expensive_in_window = 0;
}

bool Engine::State::count_expensive(Instant now) {
    ++expensive_in_window;
    return !expensive.take(now, {kExpensivePerSecond, kExpensiveBurst}) || expensive_in_window > kExpensiveBurst;
}

void Engine::State::refuse_sender(Now now, DropReason reason, const Arrival& arrival, const crypto::PublicKey* who,
                                  PeerIndex peer) {
    count(reason);
    refusals.note(now, reason, arrival.from, who == nullptr ? "" : crypto::to_base64(*who).substr(0, kShownOfKey),
                  peer);
}

std::optional<OurKey> Engine::State::receiver_of(Now now, const Arrival& arrival, Bytes datagram) {
    const auto refuse = [this](DropReason drop) {
        count(drop);
        return std::nullopt;
    };
    const Classified classified = classify(datagram);
    if (classified.misfit == Misfit::kType) return refuse(DropReason::kBadType);
    if (classified.misfit == Misfit::kLength) return refuse(DropReason::kBadLength);
    if (classified.type == MessageType::kCookieReply) return OurKey::kPresent;  // has no macs
    const auto receiver = cookies.receiver_of(datagram);
    if (!receiver) refuse_sender(now, DropReason::kBadMac1, arrival);
    return receiver;
}

bool Engine::State::is_proven(Now now, const Arrival& arrival, Bytes datagram) {
    if (classify(datagram).type == MessageType::kInitiation) {
        // Most floods have none: they cost no more than mac1.
        const bool has_mac2 = mac2_of(datagram) != Mac{};
        return has_mac2 && cookies.is_mac2_valid(now.instant, datagram, arrival.from);
    }
    const auto response = parse_response(datagram);
    const auto entry = response ? indexes.find(SessionId{response->receiver}) : std::nullopt;
    return entry && entry->listener == listener && entry->kind == control::IndexKind::kHandshake;
}

control::Standing Engine::standing_of(Now now, const Arrival& arrival, Bytes datagram) {
    if (!state_->receiver_of(now, arrival, datagram)) return control::Standing::kRefused;
    return state_->is_proven(now, arrival, datagram) ? control::Standing::kProven : control::Standing::kStranger;
}

void Engine::handle_datagram(Now now, const Arrival& arrival, Bytes datagram, Output& out) {
    state_->count_handled();
    const auto receiver = state_->receiver_of(now, arrival, datagram);
    if (!receiver) return;
    const MessageType type = classify(datagram).type;
    if (type == MessageType::kCookieReply) return state_->handle_cookie_reply(now, datagram);
    if (type == MessageType::kInitiation) return state_->handle_initiation(now, arrival, datagram, *receiver, out);
    state_->handle_response(now, arrival, datagram, *receiver, out);
}

bool Engine::State::admit(Now now, const Arrival& arrival, Bytes datagram, OurKey receiver, std::uint32_t sender,
                          Output& out) {
    const bool many_are_expensive = count_expensive(now.instant);
    if (queue_is_long && many_are_expensive) loaded_until = now.instant + kUnderLoadHold;
    if (!is_under_load(now.instant)) return true;

    if (cookies.is_mac2_valid(now.instant, datagram, arrival.from)) {
        if (sources.allow(now.instant, control::source_prefix_of(arrival.from.address))) return true;
        count(DropReason::kRateLimited);
        return false;
    }
    if (known_sources.allow(now.instant, arrival.from.address) &&
        all_known_sources.take(now.instant, {kKnownSourcesPerSecond, kKnownSourcesBurst})) {
        return true;
    }

    if (!cookie_replies.take(now.instant, {kCookieRepliesPerSecond, kCookieRepliesBurst})) {
        count(DropReason::kCookieRequired);
        return false;
    }
    std::array<std::uint8_t, kCookieReplySize> bytes{};
    format(cookies.create_reply(now.instant, datagram, arrival.from, sender, receiver), bytes);
    out.messages.push_back(
        outgoing(arrival.from, arrival.to, 0, std::span<const std::uint8_t, kCookieReplySize>(bytes)));
    ++counters.cookie_replies_sent;
    count(DropReason::kCookieRequired);
    return false;
}

void Engine::State::handle_initiation(Now now, const Arrival& arrival, Bytes datagram, OurKey receiver, Output& out) {
    const auto initiation = parse_initiation(datagram);
    if (!initiation) return count(DropReason::kBadLength);
    const Mac mac1 = mac1_of(datagram);
    if (seen_initiations.contains(mac1)) return count(DropReason::kReplayedInitiation);
    if (!admit(now, arrival, datagram, receiver, initiation->sender, out)) return;
    seen_initiations.insert(mac1);

    SymmetricState state = begin_handshake();
    const crypto::PublicKey ephemeral{initiation->ephemeral};
    const auto static_key = consume_first_message_static(state, own(receiver), ephemeral, initiation->sealed_static);
    if (!static_key) return refuse_sender(now, DropReason::kBadInitiation, arrival);
    const auto [entry, which] = find(*static_key);
    if (entry == nullptr) return refuse_sender(now, DropReason::kUnknownPeer, arrival, &*static_key);
    Peer* const peer = &wake(*entry);
    const KeyUse keys{receiver, which};
    const crypto::Secret<32>* static_static = static_static_of(*peer, keys);
    if (static_static == nullptr) return count(DropReason::kBadInitiation);
    Tai64n timestamp;
    if (!consume_first_message_payload(state, *static_static, initiation->sealed_timestamp, timestamp.bytes)) {
        return refuse_sender(now, DropReason::kBadInitiation, arrival, &*static_key, entry->config.index);
    }
    // At this address of ours there is no such peer.
    if (!may_answer_from(entry->config, arrival.to.address))
        return refuse_sender(now, DropReason::kUnknownPeer, arrival, &*static_key, entry->config.index);
    if (has_expired(now, *entry)) return refuse(now, *entry, DropReason::kPeerExpired, which, out);
    if (timestamp <= entry->latest(which)) return refuse(now, *entry, DropReason::kOldTimestamp, which, out);
    if (now.instant - peer->last_initiation_accepted < kInitiationSpacing)
        return refuse(now, *entry, DropReason::kInitiationTooSoon, which, out);
    // Only now: the static key alone can be claimed by anybody who knows it, and must not use up the customer's budget.
    if (is_under_load(now.instant) && !customers.allow(now.instant, peer->config.customer)) {
        return count(DropReason::kCustomerRateLimited);
    }
    if (const std::uint32_t most = peer->config.handshakes_per_second; most != 0) {
        const TokenRate rate{most, most};
        if (!handshake_budgets[peer->config.customer].take(now.instant, rate))
            return count(DropReason::kCustomerHandshakeRate);
    }

    entry->latest(which) = timestamp;
    peer->last_initiation_accepted = now.instant;
    peer->timers.last_handshake_received = now.instant;
    ++counters.initiations_accepted;
    out.records.push_back(to_record({peer->config.index, *static_key, timestamp}));
    // It does not move the endpoint: somebody may have held it back. The first data message of its session does.
    respond(now, *peer, keys, arrival, *initiation, std::move(state), out);
    schedule(*peer);
}

void Engine::State::refuse(Now now, PeerEntry& entry, DropReason reason, TheirKey which, Output& out) {
    count(reason);
    if (reason == DropReason::kOldTimestamp) ++entry.refused_as_old;
    if (reason == DropReason::kInitiationTooSoon) ++entry.refused_as_too_soon;
    out.news.emplace_back(HandshakeRefused{entry.config.index, reason, ahead_of(now.wall, entry.latest(which)), now});
}

void Engine::State::respond(Now now, Peer& peer, KeyUse keys, const Arrival& arrival, const Initiation& initiation,
                            SymmetricState state, Output& out) {
    const crypto::PublicKey& theirs = peer.entry.key(keys.theirs);
    Response response;
    response.receiver = initiation.sender;
    const crypto::KeyPair ephemeral = new_ephemeral();
    if (!create_second_message(state, ephemeral, {initiation.ephemeral}, theirs, peer.config.preshared_key, {},
                               response.ephemeral, response.sealed_nothing)) {
        return count(DropReason::kBadInitiation);
    }

    // WireGuard whitepaper §5.4.5, conformance S1: the new session waits in `next`; one that waited there, and the
    // previous, are gone. But a session that our own overtook is one the peer may be sending on until it has this one.
    retire(peer.keypairs.previous, out);
    if (peer.keypairs.next && !peer.keypairs.next->awaits_confirmation) {
        peer.keypairs.previous = std::exchange(peer.keypairs.next, std::nullopt);
    }
    retire(peer.keypairs.next, out);
    const SessionId index =
        indexes.allocate({control::IndexKind::kKeypair, listener, peer.config.index}, peer.config.worker, random);
    peer.keypairs.next = Keypair{index, peer.config.worker, now.instant, true, keys};
    dataplane::InstallSession session =
        install(now.instant, listener, peer.config.index, index, initiation.sender, false, state);
    session.initiated_from = arrival.from;
    session.pinned = peer.config.sources != nullptr;
    post(peer.config, std::move(session), out);

    response.sender = index.value;
    std::array<std::uint8_t, kResponseSize> bytes{};
    format(response, bytes);
    peer.macs.sign(now.instant, bytes, theirs);
    out.messages.push_back(outgoing(arrival.from, arrival.to, kHandshakeTrafficClass,
                                    std::span<const std::uint8_t, kResponseSize>(bytes),
                                    peer.config.sources != nullptr));
    peer.timers.last_handshake_sent = now.instant;
    peer.timers.quick_retries = kQuickRetries.size();  // the peer is there, and now it is its turn
    ++counters.responses_sent;
}

void Engine::State::handle_response(Now now, const Arrival& arrival, Bytes datagram, OurKey receiver, Output& out) {
    const auto response = parse_response(datagram);
    if (!response) return count(DropReason::kBadLength);
    if (!admit(now, arrival, datagram, receiver, response->sender, out)) return;

    const auto entry = indexes.find(SessionId{response->receiver});
    if (!entry || entry->listener != listener) return count(DropReason::kUnknownIndex);
    Peer* const peer = awake(entry->peer);
    const bool is_awaited =
        entry->kind == control::IndexKind::kHandshake && peer != nullptr && peer->pending != nullptr;
    if (!is_awaited) return count(DropReason::kWrongState);
    if (has_expired(now, peer->entry)) return count(DropReason::kPeerExpired);

    const KeyUse keys = peer->pending->keys;
    // Whoever has the other key has begun meanwhile, and is about to confirm: that one moves the tunnel.
    const auto& next = peer->keypairs.next;
    if (next && next->keys.theirs != keys.theirs && now.instant - next->created < kRekeyTimeout)
        return count(DropReason::kWrongState);
    const crypto::PublicKey& theirs = peer->entry.key(keys.theirs);
    // On a copy: a response that is not authentic must not end the handshake.
    SymmetricState state = peer->pending->state.clone();
    if (!consume_second_message(state, own(keys.ours), peer->pending->ephemeral.private_key, {response->ephemeral},
                                peer->config.preshared_key, response->sealed_nothing, {})) {
        return refuse_sender(now, DropReason::kBadResponse, arrival, &theirs, peer->config.index);
    }
    const SessionId index = peer->pending->index;
    peer->pending.reset();
    peer->timers.retransmit_at = kNever;
    indexes.become_keypair(index);
    ++counters.responses_accepted;
    peer->timers.last_handshake_received = now.instant;
    note_move(now, *peer, arrival.from, out);
    set_endpoint(*peer, arrival.from, arrival.to, out);

    // What was sent on until now is still received on, nothing older (conformance S1).
    retire(peer->keypairs.previous, out);
    peer->keypairs.previous = peer->keypairs.current;
    peer->keypairs.current = Keypair{index, peer->config.worker, now.instant, false, keys};
    dataplane::InstallSession session =
        install(now.instant, listener, peer->config.index, index, response->sender, true, state);
    session.pinned = peer->config.sources != nullptr;
    if (peer->keypairs.next) {
        // Our initiations crossed. Theirs is received on too, but not waited for, and only one side is to renew in
        // time.
        peer->keypairs.next->awaits_confirmation = false;
        if (own(keys.ours).public_key < theirs) session.lifetime.renew_on_sending.age += kCrossedRekeyDelay;
    }
    post(peer->config, std::move(session), out);
    completed(now, *peer, true, keys, out);
    schedule(*peer);
}

void Engine::State::handle_cookie_reply(Now now, Bytes datagram) {
    const auto reply = parse_cookie_reply(datagram);
    if (!reply) return count(DropReason::kBadLength);
    const auto entry = indexes.find(SessionId{reply->receiver});
    Peer* peer = entry && entry->listener == listener ? awake(entry->peer) : nullptr;
    if (peer == nullptr) return count(DropReason::kUnknownIndex);
    // The next message carries it, when its time comes; nothing is sent now (WireGuard whitepaper §6.6).
    const auto keys = keys_of(*peer, SessionId{reply->receiver});
    if (!keys) return count(DropReason::kUnknownIndex);
    switch (peer->macs.consume(now.instant, *reply, peer->entry.key(keys->theirs))) {
        case CookieVerdict::kAccepted: ++counters.cookie_replies_accepted; return;
        case CookieVerdict::kUnexpected: return count(DropReason::kUnexpectedCookieReply);
        case CookieVerdict::kBad: return count(DropReason::kBadCookieReply);
    }
}

Instant Engine::State::earliest_initiation(const Peer& peer) {
    const PeerTimers& timers = peer.timers;
    return timers.last_handshake_sent + (peer.pending != nullptr ? timers.retry_interval() : kRekeyTimeout);
}

void Engine::State::initiate(Now now, Peer& peer, Output& out) {
    PeerTimers& timers = peer.timers;
    if (!peer.endpoint) return;
    if (const Instant earliest = earliest_initiation(peer); now.instant < earliest) {
        timers.initiate_at = earliest;
        return;
    }
    timers.initiate_at = kNever;
    if (peer.pending == nullptr) {
        timers.retries = timers.quick_retries = 0;
        ++counters.handshakes_begun;
    } else {
        ++(timers.is_retry_quick() ? timers.quick_retries : timers.retries);
    }
    const KeyUse keys = keys_to_try(peer);
    const crypto::Secret<32>* static_static = static_static_of(peer, keys);
    if (static_static == nullptr) return drop_pending(peer);
    send_initiation(now, peer, keys, *static_static, out);
}

Tai64n Engine::State::new_timestamp(Now now, const Peer& peer, Output& out) {
    const Tai64n stamp = tai64n_after(std::max(peer.latest_timestamp_sent, own_floor), now.wall);
    if (stamp > reserved_until) {
        const bool is_clocks = stamp == tai64n_whitened(now.wall);
        reserved_until = later_by(stamp, is_clocks ? kTimestampsReserved : kTimestampsReservedAhead);
        out.records.push_back(to_record(TimestampsReserved{reserved_until}));
    }
    return stamp;
}

void Engine::State::send_initiation(Now now, Peer& peer, KeyUse keys, const crypto::Secret<32>& static_static,
                                    Output& out) {
    const crypto::PublicKey& theirs = peer.entry.key(keys.theirs);
    drop_pending(peer);
    const SessionId index =
        indexes.allocate({control::IndexKind::kHandshake, listener, peer.config.index}, peer.config.worker, random);
    peer.pending =
        std::make_unique<PendingInitiation>(PendingInitiation{index, begin_handshake(), new_ephemeral(), keys});
    peer.latest_timestamp_sent = new_timestamp(now, peer, out);

    Initiation initiation;
    initiation.sender = index.value;
    if (!create_first_message(peer.pending->state, own(keys.ours), peer.pending->ephemeral, theirs, static_static,
                              peer.latest_timestamp_sent.bytes, initiation.ephemeral, initiation.sealed_static,
                              initiation.sealed_timestamp)) {
        return drop_pending(peer);
    }
    std::array<std::uint8_t, kInitiationSize> bytes{};
    format(initiation, bytes);
    peer.macs.sign(now.instant, bytes, theirs);
    out.messages.push_back(outgoing(*peer.endpoint, peer.local, kHandshakeTrafficClass,
                                    std::span<const std::uint8_t, kInitiationSize>(bytes),
                                    peer.config.sources != nullptr));
    peer.timers.last_handshake_sent = now.instant;
    peer.timers.retransmit_at = now.instant + peer.timers.retry_interval();
    if (!peer.timers.is_retry_quick()) peer.timers.retransmit_at = peer.timers.retransmit_at + random_jitter(random);
    ++counters.initiations_sent;
}

}  // namespace warren::wireguard
