#include "vpnd/wireguard/engine.h"

#include <algorithm>

#include "crypto/blake2s.h"
#include "crypto/x25519.h"
#include "vpnd/wireguard/engine_state.h"

namespace warren::wireguard {

namespace {

bool same_sources(const PeerConfig& one, const PeerConfig& other) {
    if (one.sources == nullptr || other.sources == nullptr) return one.sources == other.sources;
    return *one.sources == *other.sources;
}

Duration keepalive_interval(const PeerConfig& config) {
    return std::chrono::seconds(config.persistent_keepalive_seconds);
}

}  // namespace

// --- the interface -------------------------------------------------------------------------------

Engine::Engine(ListenerIndex listener, crypto::PrivateKey private_key, control::IndexTable& indexes,
               crypto::RandomSource& random, EphemeralPool* ephemerals, TokenBucket* pace, crypto::PrivateKey previous)
    : state_(
          std::make_unique<State>(listener, std::move(private_key), indexes, random, ephemerals, std::move(previous))) {
    if (pace != nullptr) state_->pace = pace;
}
Engine::Engine(Engine&&) noexcept = default;
Engine::~Engine() = default;

void Engine::put_peer(Now now, PeerConfig&& config, Output& out, std::span<control::SessionRecord> kept) {
    PeerEntry* present = state_->find(config.index);
    if (state_->is_ours(config.public_key)) {
        if (present != nullptr) state_->remove_peer(*present, out);
        return;
    }
    const bool has_next = config.next != nullptr && config.next->public_key != config.public_key &&
                          !state_->is_ours(config.next->public_key);
    if (!has_next) config.next = nullptr;
    const auto is_its = [&config](const crypto::PublicKey& key) {
        return key == config.public_key || (config.next != nullptr && key == config.next->public_key);
    };
    const bool is_same = present != nullptr && present->config.worker == config.worker &&
                         present->config.customer == config.customer &&
                         (is_its(present->config.public_key) ||
                          (present->config.next != nullptr && is_its(present->config.next->public_key)));
    if (present != nullptr && !is_same) {
        state_->remove_peer(*present, out);
        present = nullptr;
    }
    for (Tai64n* const floor : {&config.timestamp_floor, has_next ? &config.next->latest_timestamp : nullptr}) {
        if (floor == nullptr) continue;
        const auto& key = floor == &config.timestamp_floor ? config.public_key : config.next->public_key;
        const State::KeyOwner owner = state_->find(key);
        if (owner.entry == nullptr || owner.entry == present) continue;
        *floor = std::max(*floor, owner.entry->latest(owner.which));
        state_->give_up_key(now, owner, out);
    }
    if (present != nullptr) return state_->update_peer(now, *present, std::move(config), out);
    state_->add_peer(now, std::move(config), kept, out);
}

void Engine::set_own_floor(const Tai64n& floor) {
    state_->own_floor = state_->reserved_until = floor;
}

void Engine::remove_peer(Now, PeerIndex index, Output& out) {
    if (PeerEntry* entry = state_->find(index)) state_->remove_peer(*entry, out);
}

void Engine::set_private_key(Now now, crypto::PrivateKey private_key, Output& out, crypto::PrivateKey previous) {
    state_->set_private_keys(now, std::move(private_key), std::move(previous), out);
}

Instant Engine::next_deadline() const {
    return std::min(
        {state_->deadlines.next(), state_->queue.empty() ? kNever : state_->turn, state_->check_expiries_at});
}

void Engine::set_queue_length(std::size_t waiting) {
    state_->queue_is_long = waiting >= kUnderLoadQueue;
}

bool Engine::under_load(Now now) const {
    return state_->is_under_load(now.instant);
}

const crypto::PublicKey& Engine::public_key() const {
    return state_->ours.public_key;
}

ListenerIndex Engine::listener() const {
    return state_->listener;
}

std::size_t Engine::peer_count() const {
    return state_->by_index.size();
}

const HandshakeCounters& Engine::counters() const {
    return state_->counters;
}

std::string Engine::identity() const {
    return to_base64(public_key());
}

const crypto::PublicKey* Engine::previous_public_key() const {
    return state_->previous ? &state_->previous->public_key : nullptr;
}

std::string Engine::previous_identity() const {
    const crypto::PublicKey* const previous = previous_public_key();
    return previous == nullptr ? "" : to_base64(*previous);
}

std::optional<PeerStatus> Engine::peer_status(PeerIndex index) const {
    const PeerEntry* entry = state_->find(index);
    if (entry == nullptr) return std::nullopt;
    PeerStatus status;
    status.endpoint = entry->endpoint();
    status.latest_handshake = entry->latest_handshake.instant;
    status.latest_handshake_wall = entry->latest_handshake.wall;
    status.lost_because = entry->lost_because;
    status.refused_as_old = entry->refused_as_old;
    status.refused_as_too_soon = entry->refused_as_too_soon;
    Tai64n newest = entry->config.timestamp_floor;
    if (entry->config.next != nullptr) newest = std::max(newest, entry->config.next->latest_timestamp);
    if (newest != Tai64n{}) status.newest = ahead_of(WallTime{0}, newest);
    const bool has_come = entry->latest_handshake.instant != kLongAgo;
    status.uses_next_key = has_come && entry->in_use.theirs == TheirKey::kNext;
    status.uses_previous_identity = has_come && entry->in_use.ours == OurKey::kPrevious;
    status.is_expired = entry->is_expired;
    if (entry->awake == nullptr) return status;
    status.endpoint = entry->awake->endpoint;
    status.has_session = entry->awake->has_session();
    if (entry->awake->flapped != kLongAgo) status.flaps_with = entry->awake->endpoint_before;
    status.is_handshaking = entry->awake->pending != nullptr;
    return status;
}

control::EngineCounters Engine::totals() const {
    const HandshakeCounters& counters = state_->counters;
    control::EngineCounters totals;
    totals.handshakes_initiated = counters.handshakes_begun + counters.initiations_accepted;
    totals.handshakes_completed = counters.handshakes_completed;
    totals.drops = counters.drops;
    return totals;
}

std::optional<control::KeptPeer> Engine::kept_peer(PeerIndex index, SessionId session) const {
    const PeerEntry* entry = state_->find(index);
    if (entry == nullptr || entry->awake == nullptr) return std::nullopt;
    const KeyUse keys = State::keys_of(*entry->awake, session).value_or(entry->in_use);
    return control::KeptPeer{state_->name_of(entry->key(keys.theirs), keys.ours),
                             entry->config.customer,
                             {entry->awake->endpoint, entry->awake->local, control::digest_of(entry->config.endpoint)}};
}

std::vector<control::Refusal> Engine::refusals() const {
    return state_->refusals.all();
}

bool Engine::has_refusals_to_tell() const {
    return state_->refusals.has_news();
}

std::vector<control::Refusals::Told> Engine::tell_refusals(Instant now, std::size_t most) {
    return state_->refusals.tell(now, most);
}

void Engine::set_listener_name(std::string name) {
    state_->listener_name = std::move(name);
}

control::PeerName Engine::name_of(const crypto::PublicKey& peer, OurKey ours) const {
    return state_->name_of(peer, ours);
}

bool Engine::is_expensive(Bytes datagram) const {
    return datagram.size() == kInitiationSize || datagram.size() == kResponseSize;
}

std::vector<std::pair<crypto::PublicKey, Tai64n>> Engine::export_timestamps() const {
    std::vector<std::pair<crypto::PublicKey, Tai64n>> all;
    for (const PeerEntry& entry : state_->entries) {
        const Tai64n& latest = entry.config.timestamp_floor;
        if (latest != Tai64n{}) all.emplace_back(entry.config.public_key, latest);
        const NextKey* const next = entry.config.next.get();
        if (next != nullptr && next->latest_timestamp != Tai64n{})
            all.emplace_back(next->public_key, next->latest_timestamp);
    }
    return all;
}

std::optional<Engine::ToKeep> Engine::to_keep(PeerIndex index) const {
    const PeerEntry* entry = state_->find(index);
    if (entry == nullptr) return std::nullopt;
    const Peer* const awake = entry->awake.get();
    LastKnown kept;
    kept.endpoint = awake != nullptr ? awake->endpoint : entry->endpoint();
    kept.local = awake != nullptr ? awake->local : entry->local();
    kept.latest_handshake = entry->latest_handshake.wall;
    kept.has_session = entry->is_awaited || (awake != nullptr && awake->has_session());
    kept.keys = entry->in_use;
    return ToKeep{state_->own(kept.keys.ours).public_key, entry->key(kept.keys.theirs), entry->config.endpoint, kept};
}

// --- peers ---------------------------------------------------------------------------------------

Engine::State::State(ListenerIndex of, crypto::PrivateKey private_key, control::IndexTable& index_table,
                     crypto::RandomSource& random_source, EphemeralPool* pool, crypto::PrivateKey previous_key)
    : listener(of),
      indexes(index_table),
      random(random_source),
      ephemerals(pool),
      ours(crypto::key_pair_of(std::move(private_key))),
      cookies(ours.public_key, random),
      seen_initiations(random),
      sources({kSourceRate, kSourceBurst}, kSourceTableLimit, kSourceIdle, random),
      known_sources({kKnownSourceRate, kKnownSourceBurst}, kKnownSourceLimit, kKnownSourceLife, random),
      customers({kCustomerRate, kCustomerBurst}, kCustomerTableLimit, kSourceIdle, random) {
    if (previous_key.secret.is_zero()) return;
    previous = crypto::key_pair_of(std::move(previous_key));
    cookies.set_public_keys(ours.public_key, &previous->public_key);
}

Engine::State::~State() {
    for (const PeerEntry& entry : entries) {
        if (entry.awake != nullptr) release_indexes(*entry.awake);
    }
}

PeerEntry* Engine::State::find(PeerIndex peer) {
    const std::uint32_t place =
        by_index.find(peer.value, [&](std::uint32_t at) { return entries[at].config.index == peer; });
    return place == SlotTable::kNone ? nullptr : &entries[place];
}

Engine::State::KeyOwner Engine::State::find(const crypto::PublicKey& key) {
    const std::size_t hash = std::hash<crypto::PublicKey>()(key);
    std::uint32_t place = by_key.find(hash, [&](std::uint32_t at) { return entries[at].config.public_key == key; });
    if (place != SlotTable::kNone) return {&entries[place], TheirKey::kPresent};
    place = by_next_key.find(hash, [&](std::uint32_t at) { return entries[at].config.next->public_key == key; });
    if (place != SlotTable::kNone) return {&entries[place], TheirKey::kNext};
    return {};
}

std::size_t Engine::State::hash_of_index(std::uint32_t place) const {
    return entries[place].config.index.value;
}

std::size_t Engine::State::hash_of_key(std::uint32_t place) const {
    return std::hash<crypto::PublicKey>()(entries[place].config.public_key);
}

std::size_t Engine::State::hash_of_next_key(std::uint32_t place) const {
    return std::hash<crypto::PublicKey>()(entries[place].config.next->public_key);
}

void Engine::State::insert_keys(const PeerEntry& entry) {
    by_key.insert(entry.timer, [this](std::uint32_t at) { return hash_of_key(at); });
    if (entry.config.next != nullptr)
        by_next_key.insert(entry.timer, [this](std::uint32_t at) { return hash_of_next_key(at); });
}

void Engine::State::erase_keys(const PeerEntry& entry) {
    by_key.erase(entry.timer, [this](std::uint32_t at) { return hash_of_key(at); });
    if (entry.config.next != nullptr)
        by_next_key.erase(entry.timer, [this](std::uint32_t at) { return hash_of_next_key(at); });
}

Peer* Engine::State::awake(PeerIndex peer) {
    PeerEntry* const entry = find(peer);
    return entry == nullptr ? nullptr : entry->awake.get();
}

Peer& Engine::State::wake(PeerEntry& entry) {
    if (entry.awake == nullptr) {
        entry.awake = std::make_unique<Peer>(entry);
        entry.awake->timers.new_handshake_jitter = random_jitter(random);
        entry.awake->timers.persistent_interval = keepalive_interval(entry.config);
    }
    return *entry.awake;
}

void Engine::State::add_peer(Now now, PeerConfig&& config, std::span<control::SessionRecord> kept, Output& out) {
    std::uint32_t place = static_cast<std::uint32_t>(entries.size());
    if (free_timers.empty()) {
        entries.emplace_back();
    } else {
        place = free_timers.back();
        free_timers.pop_back();
    }
    PeerEntry& entry = entries[place];
    entry.timer = place;
    entry.config = std::move(config);
    by_index.insert(place, [this](std::uint32_t at) { return hash_of_index(at); });
    insert_keys(entry);
    set_expiry(now, entry, entry.config.expires, out);

    const LastKnown* const known = entry.config.last_known.get();
    if (known != nullptr && known->latest_handshake.nanoseconds > 0) {
        const Duration age{now.wall.nanoseconds - std::min(known->latest_handshake.nanoseconds, now.wall.nanoseconds)};
        entry.latest_handshake = {now.instant - age, known->latest_handshake};
        entry.in_use = known->keys;
        if (entry.config.next == nullptr) entry.in_use.theirs = TheirKey::kPresent;
        if (!previous) entry.in_use.ours = OurKey::kPresent;
    }
    const auto endpoint = entry.endpoint();
    if (endpoint) post_endpoint(entry, out);
    if (entry.is_expired) return;
    resume(now, entry, kept, out);
    const bool is_there = entry.awake != nullptr && can_send(now.instant, *entry.awake);
    const bool was_there = !is_there && endpoint && known != nullptr && known->has_session;
    if (was_there) known_sources.remember(now.instant, endpoint->address);
    if (!was_there && entry.config.persistent_keepalive_seconds == 0) return;
    Peer& peer = wake(entry);
    if (was_there) {
        entry.is_awaited = true;
        entry.lost_because = LostBecause::kRestarted;
        peer.timers.need = Need::kStart;
        initiate_present(now, peer, out);
    }
    if (entry.config.persistent_keepalive_seconds != 0) on_persistent_keepalive(now, peer, out);
    schedule(peer);
}

void Engine::State::update_peer(Now now, PeerEntry& entry, PeerConfig&& config, Output& out) {
    const bool was_off = entry.config.persistent_keepalive_seconds == 0;
    change_keys(now, entry, config, out);
    set_expiry(now, entry, config.expires, out);
    const bool endpoint_changed = config.endpoint && config.endpoint != entry.config.endpoint;
    const bool sources_changed = !same_sources(config, entry.config);
    config.last_known = endpoint_changed ? nullptr : std::move(entry.config.last_known);
    entry.config = std::move(config);
    const bool keeps_alive = entry.config.persistent_keepalive_seconds != 0;
    if (entry.awake == nullptr && !keeps_alive) {
        if ((endpoint_changed || sources_changed) && entry.endpoint()) post_endpoint(entry, out);
        return;
    }
    Peer& peer = wake(entry);
    if (endpoint_changed) {
        set_endpoint(peer, *entry.config.endpoint, {}, out);
    } else if (sources_changed && peer.endpoint) {
        set_endpoint(peer, Endpoint(*peer.endpoint), {}, out);
    }
    peer.timers.persistent_interval = keepalive_interval(entry.config);
    if (keeps_alive && (was_off || endpoint_changed)) on_persistent_keepalive(now, peer, out);
    schedule(peer);
}

void Engine::State::remove_peer(PeerEntry& entry, Output& out) {
    if (entry.awake != nullptr) {
        own_floor = std::max(own_floor, entry.awake->latest_timestamp_sent);  // it may be put again
        retire_all(*entry.awake, out);
        drop_pending(*entry.awake);
        deadlines.set(entry.timer, kNever);
    }
    post(entry.config, dataplane::ForgetEndpoint{entry.config.index}, out);
    refusals.forget(entry.config.index);
    by_index.erase(entry.timer, [this](std::uint32_t at) { return hash_of_index(at); });
    erase_keys(entry);
    if (entry.config.expires != WallTime{}) expiries.erase({entry.config.expires.nanoseconds, entry.timer});
    free_timers.push_back(entry.timer);
    entry = PeerEntry();
}

void Engine::State::set_endpoint(Peer& peer, const Endpoint& remote, const LocalAddress& local, Output& out) {
    const auto source = source_for(peer.config, remote, local);
    if (!source) {  // of its sources none can reach it there
        peer.endpoint.reset();
        return post(peer.config, dataplane::ForgetEndpoint{peer.config.index}, out);
    }
    peer.endpoint = remote;
    peer.local = *source;
    post(peer.config, dataplane::SetEndpoint{peer.config.index, remote, *source, peer.config.sources != nullptr}, out);
}

void Engine::State::post_endpoint(const PeerEntry& entry, Output& out) {
    post(entry.config,
         dataplane::SetEndpoint{entry.config.index, entry.endpoint().value_or(Endpoint{}), entry.local(),
                                entry.config.sources != nullptr},
         out);
}

void Engine::State::note_move(Now now, Peer& peer, const Endpoint& remote, Output& out) {
    if (peer.endpoint == remote) return;
    const bool is_return = peer.endpoint_before == remote;
    peer.endpoint_before = peer.endpoint;
    if (!is_return) return;
    if (now.instant - peer.returns_since > kFlapWindow) {
        peer.returns = 0;
        peer.returns_since = now.instant;
    }
    if (++peer.returns < kFlaps) return;
    peer.returns_since = kLongAgo;
    peer.flapped = now.instant;
    out.news.emplace_back(PeerFlaps{peer.config.index, remote, *peer.endpoint_before, now});
}

void Engine::State::clear_local_address(Peer& peer, Output& out) {
    if (peer.config.sources != nullptr) return;  // there is no other one
    peer.local = {};
    post(peer.config, dataplane::ClearLocalAddress{peer.config.index}, out);
}

crypto::KeyPair Engine::State::new_ephemeral() {
    return ephemerals != nullptr ? ephemerals->take() : crypto::key_pair_of(crypto::generate_private_key(random));
}

// --- sessions ------------------------------------------------------------------------------------

void Engine::State::post(const PeerConfig& peer, dataplane::Command command, Output& out) {
    out.commands.push_back({peer.worker, std::move(command)});
}

void Engine::State::retire(std::optional<Keypair>& slot, Output& out) {
    if (!slot) return;
    indexes.release(slot->index);
    out.commands.push_back({slot->worker, dataplane::RetireSession{slot->index}});
    if (slot->index.worker() != slot->worker)
        out.commands.push_back({slot->index.worker(), dataplane::RetireSession{slot->index}});
    slot.reset();
}

void Engine::State::retire_all(Peer& peer, Output& out) {
    retire(peer.keypairs.next, out);
    retire(peer.keypairs.current, out);
    retire(peer.keypairs.previous, out);
}

void Engine::State::drop_pending(Peer& peer) {
    if (peer.pending == nullptr) return;
    indexes.release(peer.pending->index);
    peer.pending.reset();
    peer.timers.retransmit_at = kNever;
}

void Engine::State::release_indexes(const Peer& peer) {
    for (const auto* slot : {&peer.keypairs.next, &peer.keypairs.current, &peer.keypairs.previous}) {
        if (*slot) indexes.release((*slot)->index);
    }
    if (peer.pending != nullptr) indexes.release(peer.pending->index);
}

void Engine::State::lose(Now now, Peer& peer, LostBecause reason, Output& out) {
    peer.entry.lost_because = reason;
    out.news.emplace_back(PeerLost{peer.config.index, reason, now});
}

void Engine::State::completed(Now now, Peer& peer, bool is_initiator, KeyUse keys, Output& out) {
    peer.entry.in_use = keys;
    // A handshake of ours that is still under way has become needless.
    drop_pending(peer);
    peer.timers.initiate_at = kNever;
    peer.timers.queued.reset();
    peer.timers.need = Need::kTimer;
    peer.timers.retries = 0;
    peer.sending_stopped = false;
    peer.entry.latest_handshake = now;
    peer.entry.is_awaited = false;
    if (now.instant - peer.flapped > 2 * kFlapWindow) peer.flapped = kLongAgo;
    ++counters.handshakes_completed;
    if (!peer.endpoint) return;
    known_sources.remember(now.instant, peer.endpoint->address);
    out.news.emplace_back(HandshakeCompleted{peer.config.index, is_initiator, now, *peer.endpoint});
}

}  // namespace warren::wireguard
