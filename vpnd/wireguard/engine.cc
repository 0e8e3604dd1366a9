#include "vpnd/wireguard/engine.h"

#include <algorithm>

#include "crypto/x25519.h"
#include "vpnd/wireguard/engine_state.h"

namespace warren::wireguard {

namespace {

Duration keepalive_interval(const PeerConfig& config) {
    return std::chrono::seconds(config.persistent_keepalive_seconds);
}

}  // namespace

// --- the face ---------------------------------------------------------------------------------------------------------------------

Engine::Engine(ListenerIndex listener, crypto::PrivateKey private_key, IndexTable& indexes, crypto::RandomSource& random,
               EphemeralPool* ephemerals)
    : state_(std::make_unique<State>(listener, std::move(private_key), indexes, random, ephemerals)) {}
Engine::Engine(Engine&&) noexcept = default;
Engine::~Engine() = default;

void Engine::put_peer(Now now, PeerConfig&& config, Output& out) {
    Peer* present = state_->find(config.index);
    if (config.public_key == state_->ours.public_key) {
        if (present != nullptr) state_->remove_peer(*present, out);
        return;
    }
    const bool is_same = present != nullptr && present->config.public_key == config.public_key && present->config.worker == config.worker &&
                         present->config.customer == config.customer;
    if (is_same) return state_->update_peer(now, *present, std::move(config), out);

    if (present != nullptr) state_->remove_peer(*present, out);
    if (Peer* elsewhere = state_->find(config.public_key)) {
        config.timestamp_floor = std::max(config.timestamp_floor, elsewhere->latest_timestamp);
        state_->remove_peer(*elsewhere, out);
    }
    state_->add_peer(now, std::move(config), out);
}

void Engine::remove_peer(Now, PeerIndex index, Output& out) {
    if (Peer* peer = state_->find(index)) state_->remove_peer(*peer, out);
}

void Engine::set_private_key(Now now, crypto::PrivateKey private_key, Output& out) {
    state_->set_private_key(now, std::move(private_key), out);
}

Instant Engine::next_deadline() const {
    return state_->deadlines.next();
}

void Engine::note_queue(std::size_t waiting) {
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

std::optional<PeerStatus> Engine::peer_status(PeerIndex index) const {
    const Peer* peer = state_->find(index);
    if (peer == nullptr) return std::nullopt;
    return PeerStatus{.public_key = peer->config.public_key,
                      .has_preshared_key = !peer->config.preshared_key.secret.is_zero(),
                      .endpoint = peer->endpoint,
                      .persistent_keepalive_seconds = peer->config.persistent_keepalive_seconds,
                      .latest_handshake = peer->latest_handshake.instant,
                      .latest_handshake_wall = peer->latest_handshake.wall,
                      .is_handshaking = peer->pending != nullptr};
}

std::vector<std::pair<crypto::PublicKey, Tai64n>> Engine::export_timestamps() const {
    std::vector<std::pair<crypto::PublicKey, Tai64n>> all;
    for (const auto& [key, peer] : state_->by_key) {
        if (peer->latest_timestamp != Tai64n{}) all.emplace_back(key, peer->latest_timestamp);
    }
    return all;
}

// --- peers ------------------------------------------------------------------------------------------------------------------------

Engine::State::State(ListenerIndex of, crypto::PrivateKey private_key, IndexTable& index_table, crypto::RandomSource& random_source,
                     EphemeralPool* pool)
    : listener(of),
      indexes(index_table),
      random(random_source),
      ephemerals(pool),
      ours(crypto::key_pair_of(std::move(private_key))),
      cookies(ours.public_key, random),
      seen_initiations(random),
      sources({kSourceRate, kSourceBurst}, kSourceTableLimit, kSourceIdle, random),
      known_sources(random),
      customers({kCustomerRate, kCustomerBurst}, kCustomerTableLimit, kSourceIdle, random) {}

Engine::State::~State() {
    for (const auto& [index, peer] : by_index) release_indexes(*peer);
}

Peer* Engine::State::find(PeerIndex peer) {
    const auto found = by_index.find(peer);
    return found == by_index.end() ? nullptr : found->second;
}

Peer* Engine::State::find(const crypto::PublicKey& key) {
    const auto found = by_key.find(key);
    return found == by_key.end() ? nullptr : found->second;
}

void Engine::State::add_peer(Now now, PeerConfig&& config, Output& out) {
    auto added = std::make_unique<Peer>();
    Peer& peer = *added;
    if (free_timers.empty()) {
        peer.timer = static_cast<std::uint32_t>(peers.size());
        peers.push_back(std::move(added));
    } else {
        peer.timer = free_timers.back();
        free_timers.pop_back();
        peers[peer.timer] = std::move(added);
    }
    peer.config = std::move(config);
    peer.latest_timestamp = peer.config.timestamp_floor;
    by_index[peer.config.index] = &peer;
    by_key[peer.config.public_key] = &peer;

    if (peer.config.endpoint) set_endpoint(peer, *peer.config.endpoint, {}, out);
    peer.timers.new_handshake_jitter = random_jitter(random);
    peer.timers.persistent_interval = keepalive_interval(peer.config);
    if (peer.config.persistent_keepalive_seconds != 0) on_persistent_keepalive(now, peer, out);
    schedule(peer);
}

void Engine::State::update_peer(Now now, Peer& peer, PeerConfig&& config, Output& out) {
    const bool was_off = peer.config.persistent_keepalive_seconds == 0;
    const bool endpoint_changed = config.endpoint && config.endpoint != peer.config.endpoint;
    peer.latest_timestamp = std::max(peer.latest_timestamp, config.timestamp_floor);
    peer.config = std::move(config);
    if (endpoint_changed) set_endpoint(peer, *peer.config.endpoint, {}, out);
    peer.timers.persistent_interval = keepalive_interval(peer.config);
    if (peer.config.persistent_keepalive_seconds != 0 && (was_off || endpoint_changed)) on_persistent_keepalive(now, peer, out);
    schedule(peer);
}

void Engine::State::remove_peer(Peer& peer, Output& out) {
    retire_all(peer, out);
    drop_pending(peer);
    by_index.erase(peer.config.index);
    by_key.erase(peer.config.public_key);
    deadlines.set(peer.timer, kNever);
    free_timers.push_back(peer.timer);
    peers[peer.timer].reset();
}

void Engine::State::set_private_key(Now now, crypto::PrivateKey private_key, Output& out) {
    if (private_key.secret.equals(ours.private_key.secret)) return;
    ours = crypto::key_pair_of(std::move(private_key));
    cookies.set_public_key(ours.public_key);
    if (Peer* self = find(ours.public_key)) remove_peer(*self, out);
    for (const auto& peer : peers) {
        if (peer == nullptr) continue;
        peer->static_static.reset();
        drop_pending(*peer);
        peer->timers.last_handshake_sent = kLongAgo;
        if (peer->keypairs.current || peer->keypairs.next) {
            retire(peer->keypairs.next, out);  // its confirmation would make it a sending one
            post(*peer, dataplane::StopSending{peer->config.index}, out);
            peer->sending_stopped = true;
        }
        if (peer->config.persistent_keepalive_seconds != 0) on_persistent_keepalive(now, *peer, out);
        schedule(*peer);
    }
}

const crypto::Secret<32>* Engine::State::static_static_of(Peer& peer) {
    if (!peer.static_static) peer.static_static = crypto::x25519(ours.private_key, peer.config.public_key);
    return peer.static_static ? &*peer.static_static : nullptr;
}

void Engine::State::set_endpoint(Peer& peer, const Endpoint& remote, const LocalAddress& local, Output& out) {
    peer.endpoint = remote;
    peer.local = local;
    post(peer, dataplane::SetEndpoint{peer.config.index, remote, local}, out);
}

void Engine::State::clear_local_address(Peer& peer, Output& out) {
    peer.local = {};
    post(peer, dataplane::ClearLocalAddress{peer.config.index}, out);
}

crypto::KeyPair Engine::State::new_ephemeral() {
    return ephemerals != nullptr ? ephemerals->take() : crypto::key_pair_of(crypto::generate_private_key(random));
}

// --- sessions ---------------------------------------------------------------------------------------------------------------------

void Engine::State::post(const Peer& peer, dataplane::Command command, Output& out) {
    out.commands.push_back({peer.config.worker, std::move(command)});
}

void Engine::State::retire(std::optional<Keypair>& slot, Output& out) {
    if (!slot) return;
    indexes.release(slot->index);
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

void Engine::State::completed(Now now, Peer& peer, bool is_initiator, Output& out) {
    // A handshake of ours that is still under way has become needless.
    drop_pending(peer);
    peer.timers.initiate_at = kNever;
    peer.timers.retries = 0;
    peer.sending_stopped = false;
    peer.latest_handshake = now;
    ++counters.handshakes_completed;
    if (!peer.endpoint) return;
    known_sources.note(now.instant, peer.endpoint->address);
    out.news.emplace_back(HandshakeCompleted{peer.config.index, is_initiator, now, *peer.endpoint});
}

}  // namespace warren::wireguard
