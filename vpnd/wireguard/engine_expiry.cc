// Peers that have a tunnel until a date. The wall clock decides, and may be set: what is refused depends on its time
// alone, and sessions are looked at again every kExpiryInterval.
#include <algorithm>

#include "vpnd/wireguard/engine_state.h"

namespace warren::wireguard {

bool Engine::State::has_expired(Now now, const PeerEntry& entry) {
    return entry.config.expires != WallTime{} && now.wall >= entry.config.expires;
}

void Engine::State::set_expiry(Now now, PeerEntry& entry, WallTime expires, Output& out) {
    check_expiries(now, out);
    if (entry.config.expires != WallTime{}) expiries.erase({entry.config.expires.nanoseconds, entry.timer});
    entry.config.expires = expires;
    if (expires != WallTime{}) expiries.emplace(expires.nanoseconds, entry.timer);
    const bool is_over = has_expired(now, entry);
    if (is_over && !entry.is_expired) expire(now, entry, out);
    if (!is_over) entry.is_expired = false;
    check_expiries(now, out);
}

void Engine::State::check_expiries(Now now, Output& out) {
    const std::int64_t before = expired_until;
    expired_until = now.wall.nanoseconds;
    const auto end_of = [this](std::int64_t until) { return expiries.upper_bound({until, UINT32_MAX}); };
    for (auto at = end_of(before); at != expiries.end() && at->first <= now.wall.nanoseconds; ++at) {
        if (!entries[at->second].is_expired) expire(now, entries[at->second], out);
    }
    for (auto at = end_of(now.wall.nanoseconds); at != expiries.end() && at->first <= before; ++at) {
        PeerEntry& entry = entries[at->second];
        entry.is_expired = false;
        if (entry.config.persistent_keepalive_seconds == 0) continue;
        on_persistent_keepalive(now, wake(entry), out);
        schedule(*entry.awake);
    }
    check_expiries_at = kNever;
    if (expiries.empty()) return;
    const auto next = end_of(now.wall.nanoseconds);
    const Duration left = next == expiries.end() ? kExpiryInterval : Duration(next->first - now.wall.nanoseconds);
    check_expiries_at = now.instant + std::min(left, kExpiryInterval);
}

void Engine::State::expire(Now now, PeerEntry& entry, Output& out) {
    entry.is_expired = true;
    Peer* const peer = entry.awake.get();
    if (peer == nullptr) return;
    if (peer->has_session()) lose(now, *peer, LostBecause::kPastDate, out);
    retire_all(*peer, out);
    drop_pending(*peer);
    entry.is_awaited = false;
    peer->timers.initiate_at = kNever;
    peer->timers.queued.reset();
    post(peer->config, dataplane::PurgeStaged{peer->config.index}, out);
    schedule(*peer);
}

}  // namespace warren::wireguard
