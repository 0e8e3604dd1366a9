#include "vpnd/listeners/wireguard/listeners.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>
#include <variant>

#include "base/check.h"
#include "base/log.h"
#include "vpnd/dataplane/framing/wireguard.h"
#include "vpnd/listeners/sockets/listener_sockets.h"

namespace warren::vpnd {

namespace {

const ipc::WireguardListener& settings_of(const HeldListener& listener) {
    return std::get<ipc::WireguardListener>(listener.settings);
}

// The public keys that peers know the listener by, the present one first.
std::vector<crypto::PublicKey> keys_of(const wireguard::Engine& engine) {
    std::vector<crypto::PublicKey> out{engine.public_key()};
    if (const crypto::PublicKey* const previous = engine.previous_public_key()) out.push_back(*previous);
    return out;
}

// In what outlives this process: as the peers know it, so that a customer with another id keeps its sessions.
std::string name_of(const HeldListener& listener) {
    return (listener.protocol == ipc::Protocol::kUdp ? "udp " : "tcp ") + std::to_string(listener.port);
}

}  // namespace

Result<std::unique_ptr<WireguardListeners>> WireguardListeners::make(io::ControlWorker& control,
                                                                     const CustomerSet& customers, Counters& counters,
                                                                     crypto::RandomSource& random) {
    auto uapi = UapiServer::make(customers, counters, control);
    if (!uapi) return tl::unexpected<Error>(uapi.error());
    return std::unique_ptr<WireguardListeners>(new WireguardListeners(control, customers, std::move(*uapi), random));
}

WireguardListeners::WireguardListeners(io::ControlWorker& control, const CustomerSet& customers, UapiServer uapi,
                                       crypto::RandomSource& random)
    : control_(control), customers_(customers), random_(random), ephemerals_(random), uapi_(std::move(uapi)) {
    control_.set_idle_work(&ephemerals_);
}

WireguardListeners::~WireguardListeners() {
    control_.set_idle_work(nullptr);
}

Status WireguardListeners::keep_timestamps_in(UniqueFd file) {
    auto store = TimestampStore::open(std::move(file));
    if (!store) return tl::unexpected<Error>(store.error());
    timestamps_ = std::move(*store);
    return {};
}

Status WireguardListeners::keep_peers_in(UniqueFd file) {
    auto store = PeerStore::open(std::move(file));
    if (!store) return tl::unexpected<Error>(store.error());
    peers_ = std::move(*store);
    return {};
}

Status WireguardListeners::open(const HeldListener& listener, ListenerSockets sockets) {
    const ListenerIndex index = listener.index;
    if (const Status uapi = uapi_.open(index, sockets.take({ipc::SocketRole::kControl})); !uapi)
        log(LogLevel::kWarn, "uapi_not_served", {{"error", uapi.error().what}});
    io::ControlWorker::Sockets served = take_sockets(sockets, control_.worker_count());
    if (wireguard::Engine* const present = find(index)) {
        present->set_listener_name(name_of(listener));
        return control_.replace_sockets(index, std::move(served));
    }
    const ipc::WireguardListener& settings = settings_of(listener);
    auto engine = std::make_unique<wireguard::Engine>(index, settings.private_key.clone(), control_.indexes(), random_,
                                                      &ephemerals_, &pace_, settings.previous_private_key.clone());
    const auto own = timestamps_.own();
    if (!own) log(LogLevel::kWarn, "own_timestamp_ignored", {{"reason", own.error().what}});
    engine->set_own_floor(own.value_or(wireguard::Tai64n{}));
    engine->set_listener_name(name_of(listener));
    engines_[index] = engine.get();
    return control_.open_listener(index, std::move(engine), dataplane::kWireguardFraming, std::move(served));
}

void WireguardListeners::close(ListenerIndex listener) {
    uapi_.close(listener);
    engines_.erase(listener);
    control_.close_listener(listener);
}

void WireguardListeners::change(Now now, const HeldListener& listener) {
    wireguard::Engine* const engine = find(listener.index);
    WARREN_CHECK(engine != nullptr);
    const ipc::WireguardListener& settings = settings_of(listener);
    control_.change(listener.index, [&](control::Output& out) {
        engine->set_private_key(now, settings.private_key.clone(), out, settings.previous_private_key.clone());
    });
}

void WireguardListeners::forget_peer(Now now, ListenerIndex listener, const PeerIdentity& peer) {
    const wireguard::Engine* const engine = find(listener);
    WARREN_CHECK(engine != nullptr);
    for (const crypto::PublicKey& ours : keys_of(*engine)) {
        check_written(now, "timestamp_write_failed", timestamps_.forget(ours, {peer.bytes}));
        check_written(now, "endpoint_write_failed", peers_.forget(ours, {peer.bytes}));
    }
}

void WireguardListeners::put_peer(Now now, const HeldCustomer& customer, const HeldPeer& peer) {
    wireguard::Engine* const engine = find(peer.listener);
    WARREN_CHECK(engine != nullptr);
    const auto& tunnel = std::get<ipc::WireguardPeer>(peer.config.tunnel);
    wireguard::PeerConfig config;
    config.index = peer.index;
    config.customer = customer.index;
    config.worker = customer.workers[peer.config.queue];
    config.public_key = tunnel.public_key;
    config.preshared_key = tunnel.preshared_key.clone();
    config.endpoint = peer.config.settings.endpoint;
    config.persistent_keepalive_seconds = tunnel.persistent_keepalive_seconds;
    config.expires = peer.config.settings.expires;
    config.handshakes_per_second = customer.settings.max_handshake_rate;
    if (tunnel.next_public_key)
        config.next = std::make_unique<wireguard::NextKey>(wireguard::NextKey{*tunnel.next_public_key, {}});
    if (!customer.sources.empty()) config.sources = std::make_unique<const std::vector<IpAddress>>(customer.sources);
    std::vector<control::SessionRecord> kept = fill_in_kept(*engine, config);
    if (peer.config.seen_elsewhere) {  // later than we saw it
        auto known = std::make_unique<wireguard::LastKnown>();
        if (config.last_known) *known = *config.last_known;
        known->endpoint = peer.config.seen_elsewhere;
        known->local = {};
        known->has_session = true;
        config.last_known = std::move(known);
    }
    control_.assign_peer(peer.index, peer.listener);
    control_.change(peer.listener, [&](control::Output& out) { engine->put_peer(now, std::move(config), out, kept); });
}

// Whatever keys it came with: its timestamps, where it was at its latest handshake, and its sessions.
std::vector<control::SessionRecord> WireguardListeners::fill_in_kept(const wireguard::Engine& engine,
                                                                     wireguard::PeerConfig& config) const {
    using wireguard::OurKey;
    using wireguard::TheirKey;
    std::optional<wireguard::LastKnown> latest;
    std::vector<control::SessionRecord> kept;
    for (const wireguard::KeyUse keys : wireguard::kAllKeyUses) {
        if (keys.ours == OurKey::kPrevious && engine.previous_public_key() == nullptr) continue;
        if (keys.theirs == TheirKey::kNext && config.next == nullptr) continue;
        const crypto::PublicKey& ours =
            keys.ours == OurKey::kPrevious ? *engine.previous_public_key() : engine.public_key();
        const bool is_next = keys.theirs == TheirKey::kNext;
        const crypto::PublicKey& theirs = is_next ? config.next->public_key : config.public_key;
        wireguard::Tai64n& floor = is_next ? config.next->latest_timestamp : config.timestamp_floor;
        floor = std::max(floor, timestamps_.find(ours, theirs));
        auto known = peers_.find(ours, theirs, config.endpoint);
        if (known && (!latest || known->latest_handshake > latest->latest_handshake)) {
            latest = known;
            latest->keys = keys;
        }
        if (control_.keeper() == nullptr) continue;
        for (control::SessionRecord& record : control_.keeper()->find(engine.name_of(theirs, keys.ours)))
            kept.push_back(std::move(record));
    }
    if (latest) config.last_known = std::make_unique<const wireguard::LastKnown>(*latest);
    std::sort(kept.begin(), kept.end(), [](const auto& a, const auto& b) { return a.created < b.created; });
    return kept;
}

// What was kept of it when it used others: the file would take that for later.
void WireguardListeners::forget_other_keys(Now now, const wireguard::Engine& engine, PeerIndex peer,
                                           const wireguard::Engine::ToKeep& kept) {
    const auto [customer, held] = customers_.find(peer);
    if (held == nullptr) return;
    const auto& tunnel = std::get<ipc::WireguardPeer>(held->config.tunnel);
    const std::vector<crypto::PublicKey> all = keys_of(engine);
    if (all.size() == 1 && !tunnel.next_public_key) return;
    std::vector<crypto::PublicKey> its{tunnel.public_key};
    if (tunnel.next_public_key) its.push_back(*tunnel.next_public_key);
    for (const crypto::PublicKey& ours : all) {
        for (const crypto::PublicKey& theirs : its) {
            if (ours == kept.ours && theirs == kept.public_key) continue;
            check_written(now, "endpoint_write_failed", peers_.forget(ours, theirs));
        }
    }
}

void WireguardListeners::save(Now now, ListenerIndex listener, const control::Record& record) {
    const wireguard::Engine* const engine = find(listener);
    if (engine == nullptr) return;
    if (const auto accepted = wireguard::timestamp_of(record)) {
        // Under each key of ours: one of them may be the only one again.
        for (const crypto::PublicKey& ours : keys_of(*engine))
            check_written(now, "timestamp_write_failed",
                          timestamps_.store(ours, accepted->public_key, accepted->timestamp));
    }
    if (const auto reserved = wireguard::reservation_of(record))
        check_written(now, "timestamp_write_failed", timestamps_.store_own(reserved->until));
}

void WireguardListeners::note_changed(Now now, ListenerIndex listener, PeerIndex peer) {
    if (find(listener) == nullptr) return;
    changed_[peer] = listener;
    if (flush_at_ == kNever) flush_at_ = now.instant + kFlushInterval;
}

void WireguardListeners::run(Now now) {
    uapi_.run(now);
    if (flush_at_ <= now.instant) flush(now);
}

void WireguardListeners::flush(Now now) {
    for (const auto& [peer, listener] : changed_) {
        const wireguard::Engine* const engine = find(listener);
        const auto kept = engine == nullptr ? std::nullopt : engine->to_keep(peer);
        if (!kept) continue;  // removed since
        check_written(now, "endpoint_write_failed",
                      peers_.store(kept->ours, kept->public_key, kept->configured, kept->peer));
        forget_other_keys(now, *engine, peer, *kept);
    }
    changed_.clear();
    flush_at_ = kNever;
}

void WireguardListeners::check_written(Now now, const char* event, const Status& written) {
    if (written) return;
    if (const auto suppressed = writes_failed_.pass(now.instant))
        log(LogLevel::kWarn, event, {{"error", written.error().what}, {"suppressed", std::to_string(*suppressed)}});
}

wireguard::Engine* WireguardListeners::find(ListenerIndex listener) const {
    const auto found = engines_.find(listener);
    return found == engines_.end() ? nullptr : found->second;
}

}  // namespace warren::vpnd
