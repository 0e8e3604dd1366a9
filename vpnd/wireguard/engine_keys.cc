// Keys that change while tunnels go on: a peer's, for which it may have two for a while, and our own.
#include <algorithm>
#include <utility>

#include "crypto/blake2s.h"
#include "crypto/x25519.h"
#include "vpnd/wireguard/engine_state.h"

namespace warren::wireguard {

namespace {

// Where the cache has it; the first is kept apart.
std::size_t place_of(KeyUse keys) {
    return static_cast<std::size_t>(std::find(kAllKeyUses.begin(), kAllKeyUses.end(), keys) - kAllKeyUses.begin());
}

}  // namespace

// --- ours ----------------------------------------------------------------------------------------

void Engine::State::set_private_keys(Now now, crypto::PrivateKey private_key, crypto::PrivateKey previous_key,
                                     Output& out) {
    const crypto::KeyPair old = std::exchange(ours, crypto::key_pair_of(std::move(private_key)));
    const std::optional<crypto::KeyPair> old_previous = std::exchange(previous, std::nullopt);
    const bool has_previous = !previous_key.secret.is_zero() && !previous_key.secret.equals(ours.private_key.secret);
    if (has_previous) previous = crypto::key_pair_of(std::move(previous_key));
    // What each of the old ones is called now.
    const auto now_called = [this](const crypto::PublicKey& key) -> std::optional<OurKey> {
        if (key == ours.public_key) return OurKey::kPresent;
        if (previous && key == previous->public_key) return OurKey::kPrevious;
        return std::nullopt;
    };
    const auto of_present = now_called(old.public_key);
    const auto of_previous = old_previous ? now_called(old_previous->public_key) : std::nullopt;
    const bool is_same = of_present == OurKey::kPresent && old_previous.has_value() == previous.has_value() &&
                         (!old_previous || of_previous == OurKey::kPrevious);
    if (is_same) return;

    cookies.set_public_keys(ours.public_key, previous ? &previous->public_key : nullptr);
    for (const OurKey which : {OurKey::kPresent, OurKey::kPrevious}) {
        if (which == OurKey::kPrevious && !previous) continue;
        if (const KeyOwner self = find(own(which).public_key); self.entry != nullptr) give_up_key(now, self, out);
    }
    const auto keeps = [&](KeyUse keys) -> std::optional<KeyUse> {
        const auto called = keys.ours == OurKey::kPresent ? of_present : of_previous;
        return called ? std::optional(KeyUse{*called, keys.theirs}) : std::nullopt;
    };
    for (PeerEntry& entry : entries) {
        entry.in_use.ours = keeps(entry.in_use).value_or(KeyUse{}).ours;
        Peer* const peer = entry.awake.get();
        if (peer == nullptr) continue;
        keep_sessions(now, *peer, keeps, Ending::kNotSentOn, LostBecause::kKeyChanged, out);
        if (peer->config.persistent_keepalive_seconds != 0 && !can_send(now.instant, *peer))
            on_persistent_keepalive(now, *peer, out);
        schedule(*peer);
    }
}

// --- the peers' ----------------------------------------------------------------------------------

void Engine::State::change_keys(Now now, PeerEntry& entry, PeerConfig& config, Output& out) {
    const auto now_called = [&config](const crypto::PublicKey& key) -> std::optional<TheirKey> {
        if (key == config.public_key) return TheirKey::kPresent;
        if (config.next != nullptr && key == config.next->public_key) return TheirKey::kNext;
        return std::nullopt;
    };
    const auto of_present = now_called(entry.config.public_key);
    const auto of_next = entry.config.next != nullptr ? now_called(entry.config.next->public_key) : std::nullopt;
    for (const TheirKey which : {TheirKey::kPresent, TheirKey::kNext}) {
        const auto called = which == TheirKey::kPresent ? of_present : of_next;
        if (!called) continue;
        Tai64n& floor = *called == TheirKey::kPresent ? config.timestamp_floor : config.next->latest_timestamp;
        floor = std::max(floor, entry.latest(which));
    }
    const bool had_one = entry.config.next == nullptr;
    erase_keys(entry);
    entry.config.public_key = config.public_key;
    entry.config.timestamp_floor = config.timestamp_floor;
    entry.config.next = config.next == nullptr ? nullptr : std::make_unique<NextKey>(*config.next);
    insert_keys(entry);
    if (had_one && entry.config.next == nullptr && of_present == TheirKey::kPresent) return;  // the same one

    const auto keeps = [&](KeyUse keys) -> std::optional<KeyUse> {
        const auto called = keys.theirs == TheirKey::kPresent ? of_present : of_next;
        return called ? std::optional(KeyUse{keys.ours, *called}) : std::nullopt;
    };
    entry.in_use.theirs = keeps(entry.in_use).value_or(KeyUse{}).theirs;
    if (entry.awake == nullptr) return;
    keep_sessions(now, *entry.awake, keeps, Ending::kAtOnce, LostBecause::kStopped, out);
    schedule(*entry.awake);
}

void Engine::State::give_up_key(Now now, KeyOwner owner, Output& out) {
    if (owner.which == TheirKey::kPresent) return remove_peer(*owner.entry, out);
    PeerConfig without;
    without.public_key = owner.entry->config.public_key;
    change_keys(now, *owner.entry, without, out);
}

void Engine::State::keep_sessions(Now now, Peer& peer, const std::function<std::optional<KeyUse>(KeyUse)>& keeps,
                                  Ending ending, LostBecause reason, Output& out) {
    peer.static_static.reset();
    peer.other_static_statics.reset();
    if (peer.pending != nullptr) {
        if (const auto keys = keeps(peer.pending->keys)) {
            peer.pending->keys = *keys;
        } else {
            drop_pending(peer);
            peer.timers.last_handshake_sent = kLongAgo;
        }
    }
    // Its confirmation would make it a sending one.
    auto& [next, current, previous_session] = peer.keypairs;
    if (next) {
        const auto keys = keeps(next->keys);
        if (keys) {
            next->keys = *keys;
        } else {
            retire(next, out);
            peer.timers.last_handshake_sent = kLongAgo;
        }
    }
    if (previous_session) {
        if (const auto keys = keeps(previous_session->keys)) {
            previous_session->keys = *keys;
        } else if (ending == Ending::kAtOnce) {
            retire(previous_session, out);
        } else {
            previous_session->keys = {};
        }
    }
    if (!current) return;
    if (const auto keys = keeps(current->keys)) {
        current->keys = *keys;
        return;
    }
    peer.timers.last_handshake_sent = kLongAgo;
    if (peer.has_session()) lose(now, peer, reason, out);
    if (ending == Ending::kAtOnce) return retire(current, out);
    current->keys = {};
    post(peer.config, dataplane::StopSending{peer.config.index}, out);
    peer.sending_stopped = true;
}

// --- both ----------------------------------------------------------------------------------------

const crypto::Secret<32>* Engine::State::static_static_of(Peer& peer, KeyUse keys) {
    const std::size_t place = place_of(keys);
    if (place > 0 && peer.other_static_statics == nullptr)
        peer.other_static_statics = std::make_unique<Peer::StaticStatics>();
    auto& known = place == 0 ? peer.static_static : peer.other_static_statics->at(place - 1);
    if (!known) known = crypto::x25519(own(keys.ours).private_key, peer.entry.key(keys.theirs));
    return known ? &*known : nullptr;
}

KeyUse Engine::State::keys_to_try(const Peer& peer) const {
    const KeyUse in_use = peer.entry.in_use;
    const std::uint32_t tries = peer.timers.retries + peer.timers.quick_retries;
    if (tries % kTriesPerOtherKey != kTriesPerOtherKey - 1) return in_use;
    std::array<KeyUse, kAllKeyUses.size()> others{};
    std::size_t count = 0;
    for (const KeyUse keys : kAllKeyUses) {
        const bool is_there = (keys.ours == OurKey::kPresent || previous) &&
                              (keys.theirs == TheirKey::kPresent || peer.config.next != nullptr);
        if (is_there && keys != in_use) others.at(count++) = keys;
    }
    return count == 0 ? in_use : others.at(tries / kTriesPerOtherKey % count);
}

std::optional<KeyUse> Engine::State::keys_of(const Peer& peer, SessionId index) {
    if (peer.pending != nullptr && peer.pending->index == index) return peer.pending->keys;
    for (const auto* slot : {&peer.keypairs.next, &peer.keypairs.current, &peer.keypairs.previous}) {
        if (*slot && (*slot)->index == index) return (*slot)->keys;
    }
    return std::nullopt;
}

KeyUse Engine::State::keys_named(const PeerEntry& entry, const control::PeerName& name) const {
    if (!previous && entry.config.next == nullptr) return {};
    for (const KeyUse keys : kAllKeyUses) {
        if (keys.ours == OurKey::kPrevious && !previous) continue;
        if (keys.theirs == TheirKey::kNext && entry.config.next == nullptr) continue;
        if (name_of(entry.key(keys.theirs), keys.ours) == name) return keys;
    }
    return {};
}

control::PeerName Engine::State::name_of(const crypto::PublicKey& peer, OurKey which) const {
    return crypto::blake2s_mac(own(which).public_key.bytes,
                               {as_bytes(kConstruction), peer.bytes, as_bytes(listener_name)});
}

}  // namespace warren::wireguard
