#include "vpnd/wireguard/timers.h"

#include <algorithm>
#include <array>

#include "base/bytes.h"

namespace warren::wireguard {

namespace {

// The start of a run of packets between `first` and `last`, counting only packets after `after`. kLongAgo: none is.
Instant run_after(Instant first, Instant last, Instant after) {
    if (first == kLongAgo || last <= after) return kLongAgo;
    return std::max(first, after);
}

}  // namespace

Duration random_jitter(crypto::RandomSource& random) {
    std::array<std::uint8_t, 4> bytes{};
    random.fill(bytes);
    return Duration(load_le<std::uint32_t>(bytes.data()) % (kMaxJitter.count() + 1));
}

Instant PeerTimers::new_handshake_at() const {
    const Instant answered = std::max(last_handshake_received, new_handshake_fired);
    const Instant since = run_after(activity.first_unanswered_data_sent, activity.last_data_sent, answered);
    if (since == kLongAgo) return kNever;
    return since + kNewHandshakeTimeout + new_handshake_jitter + dataplane::kActivityInterval;
}

Instant PeerTimers::keepalive_owed_since() const {
    // A handshake message of ours tells the peer that we live, as any packet does.
    return run_after(activity.first_unanswered_data_received, activity.last_data_received, last_handshake_sent);
}

Instant PeerTimers::keepalive_at() const {
    const Instant since = keepalive_owed_since();
    const bool owed = since != kLongAgo && since > keepalive_answered;
    return std::min(owed ? since + kKeepaliveTimeout : kNever, second_keepalive_at);
}

Instant PeerTimers::persistent_base() const {
    return std::max(
        {activity.last_sent, activity.last_received, last_handshake_sent, last_handshake_received, persistent_fired});
}

Instant PeerTimers::persistent_keepalive_at() const {
    if (persistent_interval == Duration::zero()) return kNever;
    return persistent_base() + persistent_interval;
}

Instant PeerTimers::next() const {
    return std::min({initiate_at, retransmit_at, new_handshake_at(), keepalive_at(), persistent_keepalive_at()});
}

}  // namespace warren::wireguard
