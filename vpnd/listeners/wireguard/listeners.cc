#include "vpnd/listeners/wireguard/listeners.h"

#include <memory>
#include <utility>

#include "base/check.h"
#include "base/log.h"
#include "vpnd/dataplane/framing/wireguard.h"

namespace warren::vpnd {

WireguardListeners::WireguardListeners(io::ControlWorker& control, crypto::RandomSource& random)
    : control_(control), random_(random), ephemerals_(random) {
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

Status WireguardListeners::open(ListenerIndex listener, crypto::PrivateKey private_key,
                                io::ControlWorker::Sockets sockets) {
    if (find(listener) != nullptr) return control_.replace_sockets(listener, std::move(sockets));
    auto engine = std::make_unique<wireguard::Engine>(listener, std::move(private_key), control_.indexes(), random_,
                                                      &ephemerals_);
    engines_[listener] = engine.get();
    return control_.open_listener(listener, std::move(engine), dataplane::kWireguardFraming, std::move(sockets));
}

void WireguardListeners::close(ListenerIndex listener) {
    engines_.erase(listener);
    control_.close_listener(listener);
}

void WireguardListeners::change_private_key(Now now, ListenerIndex listener, crypto::PrivateKey private_key) {
    wireguard::Engine* const engine = find(listener);
    WARREN_CHECK(engine != nullptr);
    control_.change(listener, [&](control::Output& out) { engine->set_private_key(now, std::move(private_key), out); });
}

void WireguardListeners::put_peer(Now now, ListenerIndex listener, wireguard::PeerConfig config) {
    wireguard::Engine* const engine = find(listener);
    WARREN_CHECK(engine != nullptr);
    config.timestamp_floor = timestamps_.find(engine->public_key(), config.public_key);
    control_.assign_peer(config.index, listener);
    control_.change(listener, [&](control::Output& out) { engine->put_peer(now, std::move(config), out); });
}

void WireguardListeners::save(Now now, ListenerIndex listener, const control::Record& record) {
    const wireguard::Engine* const engine = find(listener);
    const auto accepted = wireguard::timestamp_of(record);
    if (engine == nullptr || !accepted) return;
    const Status stored = timestamps_.store(engine->public_key(), accepted->public_key, accepted->timestamp);
    if (stored) return;
    if (const auto suppressed = timestamps_failed_.pass(now.instant)) {
        log(LogLevel::kWarn, "timestamp_write_failed",
            {{"error", stored.error().what}, {"suppressed", std::to_string(*suppressed)}});
    }
}

wireguard::Engine* WireguardListeners::find(ListenerIndex listener) const {
    const auto found = engines_.find(listener);
    return found == engines_.end() ? nullptr : found->second;
}

}  // namespace warren::vpnd
