// What time and the data plane's events bring about (WireGuard whitepaper §6; conformance T).
#include <algorithm>
#include <utility>
#include <variant>

#include "vpnd/wireguard/engine_state.h"

namespace warren::wireguard {

namespace {

// Conditions of SendKeepalive read "at or after": one nanosecond later than a stamp that is known.
Instant just_after(Instant stamp) {
    return stamp + Duration(1);
}

Instant rejected_at(const std::optional<Keypair>& keypair) {
    return keypair ? keypair->created + kRejectAfterTime : kNever;
}

}  // namespace

void Engine::handle_timeout(Now now, Output& out) {
    if (now.instant >= state_->check_expiries_at) state_->check_expiries(now, out);
    // Some timers, each once: the rest, and what falls due meanwhile, wait for the next call, so that datagrams come in
    // between.
    state_->deadlines.take_due(now.instant, kTimersPerCall, state_->due);
    for (const std::uint32_t timer : state_->due) state_->on_due(now, *state_->entries[timer].awake, out);
    state_->due.clear();
    state_->serve_queue(now, out);
}

void Engine::handle_event(Now now, const dataplane::Event& event, Output& out) {
    PeerEntry* const entry = state_->find(std::visit([](const auto& any) { return any.peer; }, event));
    if (entry == nullptr) return;
    // A peer that must come to us first is not woken by packets for it.
    if (entry->awake == nullptr && !entry->endpoint()) return;
    Peer* const peer = &state_->wake(*entry);
    if (const auto* need = std::get_if<dataplane::NeedSession>(&event))
        state_->on_need_session(now, *peer, need->packet ? Need::kPackets : Need::kTraffic, out);
    if (const auto* confirmed = std::get_if<dataplane::SessionConfirmed>(&event)) {
        state_->on_confirmed(now, *peer, confirmed->local_id, out);
    }
    if (const auto* activity = std::get_if<dataplane::PeerActivity>(&event)) state_->on_activity(*peer, *activity);
    if (const auto* roamed = std::get_if<dataplane::PeerRoamed>(&event)) {
        state_->note_move(now, *peer, roamed->remote, out);
        const auto source = source_for(peer->config, roamed->remote, roamed->local);
        peer->endpoint = roamed->remote;
        peer->local = roamed->local;
        // It sent to another address of ours.
        if (!source || source->address != roamed->local.address)
            state_->set_endpoint(*peer, roamed->remote, roamed->local, out);
        out.news.emplace_back(PeerMoved{peer->config.index});
    }
    state_->schedule(*peer);
}

void Engine::State::on_need_session(Now now, Peer& peer, Need need, Output& out) {
    PeerTimers& timers = peer.timers;
    // Asked for before the data plane saw the session that is there by now.
    if (has_expired(now, peer.entry)) return post(peer.config, dataplane::PurgeStaged{peer.config.index}, out);
    const bool is_there = can_send(now.instant, peer);
    if (is_there && now.instant - peer.keypairs.current->created < kRekeyTimeout) return;
    if (is_there) need = Need::kTraffic;  // and packets do not wait for the next one
    if (need > timers.need) {
        timers.need = need;
        // What a keepalive began is now waited for. It goes on from the quick repetition.
        if (timers.retransmit_at != kNever)
            timers.retransmit_at = std::min(timers.retransmit_at, std::max(now.instant, earliest_initiation(peer)));
        if (timers.queued) want_initiation(now, peer, now.instant, out);
    }
    if (peer.pending != nullptr) return;
    is_there ? initiate_present(now, peer, out) : initiate_absent(now, peer, out);
}

void Engine::State::on_confirmed(Now now, Peer& peer, SessionId index, Output& out) {
    if (!peer.keypairs.next || peer.keypairs.next->index != index || !peer.keypairs.next->awaits_confirmation) return;
    retire(peer.keypairs.previous, out);
    peer.keypairs.previous = peer.keypairs.current;
    peer.keypairs.current = std::exchange(peer.keypairs.next, std::nullopt);
    peer.keypairs.current->awaits_confirmation = false;
    completed(now, peer, false, peer.keypairs.current->keys, out);
}

void Engine::State::on_activity(Peer& peer, const dataplane::PeerActivity& activity) {
    PeerTimers& timers = peer.timers;
    timers.activity = activity;
    if (timers.second_keepalive_at == kNever) return;
    // The second keepalive is off when anything went out after the first, or went out instead of it.
    const Instant first_sent = timers.second_keepalive_at - kKeepaliveTimeout;
    const bool after = activity.last_sent > first_sent + dataplane::kActivityInterval;
    const bool instead = activity.last_sent > timers.keepalive_answered && activity.last_sent < first_sent;
    if (after || instead) timers.second_keepalive_at = kNever;
}

void Engine::State::on_due(Now now, Peer& peer, Output& out) {
    PeerTimers& timers = peer.timers;
    retire_rejected(now, peer, out);
    if (timers.retransmit_at <= now.instant) on_retransmit(now, peer, out);
    if (timers.initiate_at <= now.instant) {
        timers.initiate_at = kNever;
        want_initiation(now, peer, now.instant, out);
    }
    if (timers.new_handshake_at() <= now.instant) {
        timers.new_handshake_fired = now.instant;
        timers.new_handshake_jitter = random_jitter(random);
        timers.need = std::max(timers.need, Need::kTraffic);
        if (peer.pending == nullptr) initiate_absent(now, peer, out);
    }
    if (timers.keepalive_at() <= now.instant) on_keepalive(now, peer, out);
    if (timers.persistent_keepalive_at() <= now.instant) on_persistent_keepalive(now, peer, out);
    schedule(peer);
}

void Engine::State::on_retransmit(Now now, Peer& peer, Output& out) {
    peer.timers.retransmit_at = kNever;
    if (peer.timers.retries < kMaxInitiationRetries) return initiate_absent(now, peer, out);
    drop_pending(peer);
    peer.timers.need = Need::kTimer;
    peer.timers.retries = 0;
    // Until now every one of them left from the address that the peer last sent to, as a firewall in between expects.
    // Now the kernel may know better.
    clear_local_address(peer, out);
    post(peer.config, dataplane::PurgeStaged{peer.config.index}, out);
    ++counters.handshakes_given_up;
    if (std::exchange(peer.entry.is_awaited, false)) lose(now, peer, LostBecause::kRestarted, out);
    out.news.emplace_back(HandshakeGaveUp{peer.config.index, now, peer.endpoint.value_or(Endpoint{})});
}

void Engine::State::on_keepalive(Now now, Peer& peer, Output& out) {
    PeerTimers& timers = peer.timers;
    const Instant owed_since = timers.keepalive_owed_since();
    const bool owed = owed_since != kLongAgo && owed_since > timers.keepalive_answered;
    const Instant last_first =
        timers.second_keepalive_at == kNever ? kLongAgo : timers.second_keepalive_at - kKeepaliveTimeout;
    const Instant unless_sent_since = owed ? just_after(owed_since) : last_first + dataplane::kActivityInterval;
    const bool more_came = timers.activity.last_data_received > (owed ? owed_since : last_first);

    post(peer.config, dataplane::SendKeepalive{.peer = peer.config.index, .unless_sent_since = unless_sent_since}, out);
    if (owed) timers.keepalive_answered = owed_since;
    timers.second_keepalive_at = more_came ? now.instant + kKeepaliveTimeout : kNever;
}

void Engine::State::on_persistent_keepalive(Now now, Peer& peer, Output& out) {
    const Instant since = just_after(peer.timers.persistent_base());
    peer.timers.persistent_fired = now.instant;
    if (!can_send(now.instant, peer)) return initiate_present(now, peer, out);
    post(peer.config, dataplane::SendKeepalive{peer.config.index, since, since}, out);
}

void Engine::State::retire_rejected(Now now, Peer& peer, Output& out) {
    for (auto* slot : {&peer.keypairs.next, &peer.keypairs.current, &peer.keypairs.previous}) {
        if (rejected_at(*slot) > now.instant) continue;
        if (slot == &peer.keypairs.current && peer.has_session()) lose(now, peer, LostBecause::kSilent, out);
        retire(*slot, out);
        // Packets that waited for the peer to confirm it, and for its endpoint.
        if (!peer.endpoint) post(peer.config, dataplane::PurgeStaged{peer.config.index}, out);
    }
}

void Engine::State::initiate_absent(Now now, Peer& peer, Output& out) {
    // A peer that has its turn already takes no other.
    if (!peer.endpoint || peer.timers.initiate_at != kNever || peer.timers.queued) return;
    want_initiation(now, peer, absent.reserve(now.instant, peer.config.customer), out);
}

void Engine::State::initiate_present(Now now, Peer& peer, Output& out) {
    if (!peer.endpoint || peer.pending != nullptr || peer.timers.initiate_at != kNever || peer.timers.queued) return;
    want_initiation(now, peer, now.instant, out);
}

void Engine::State::want_initiation(Now now, Peer& peer, Instant turn_of_customer, Output& out) {
    if (has_expired(now, peer.entry)) return;
    PeerTimers& timers = peer.timers;
    const Instant when = std::max(turn_of_customer, earliest_initiation(peer));
    if (when > now.instant) {
        timers.initiate_at = when;
        return;
    }
    queue.push(peer.config.customer, peer.entry.timer, timers.need >= Need::kTraffic);
    timers.queued = timers.need;
    serve_queue(now, out);
}

void Engine::State::serve_queue(Now now, Output& out) {
    for (std::size_t served = 0; !queue.empty();) {
        if (turn == kNever) turn = pace->reserve(now.instant, {kPacedPerSecond, kPacedBurst});
        if (turn > now.instant || served == kTimersPerCall) return;
        Peer* const peer = entries[*queue.pop()].awake.get();
        if (peer == nullptr || !peer->timers.queued) continue;  // gone since, or served already
        peer->timers.queued.reset();
        if (peer->timers.need == Need::kStart && can_send(now.instant, *peer)) continue;  // it has come by itself
        turn = kNever;
        ++served;
        initiate(now, *peer, out);
        schedule(*peer);
    }
}

bool Engine::State::can_send(Instant now, const Peer& peer) const {
    return peer.keypairs.current && !peer.sending_stopped && now < rejected_at(peer.keypairs.current);
}

void Engine::State::schedule(const Peer& peer) {
    const Instant rejected = std::min(
        {rejected_at(peer.keypairs.next), rejected_at(peer.keypairs.current), rejected_at(peer.keypairs.previous)});
    deadlines.set(peer.entry.timer, std::min(peer.timers.next(), rejected));
}

}  // namespace warren::wireguard
