// When a peer needs something: its deadlines, computed from stamps, never set by packets (WireGuard whitepaper §6).
#pragma once

#include <cstdint>
#include <optional>

#include "base/time.h"
#include "crypto/random.h"
#include "vpnd/dataplane/install.h"
#include "vpnd/wireguard/constants.h"

namespace warren::wireguard {

// A random duration in [0, kMaxJitter].
[[nodiscard]] Duration random_jitter(crypto::RandomSource& random);

// What a session is wanted for. Later ones come first.
enum class Need : std::uint8_t {
    kTimer,    // a keepalive
    kStart,    // it was there before we started
    kTraffic,  // packets pass, or passed until lately
    kPackets,  // packets wait for it
};

// The stamps of one peer, and what follows from them. Plain values: the engine writes stamps, asks for deadlines, and
// says what it did.
struct PeerTimers {
    // --- stamps ---
    dataplane::PeerActivity activity;        // what the data plane said last, at most kActivityInterval ago
    Instant last_handshake_sent = kLongAgo;  // initiation or response; opens the next initiation kRekeyTimeout later
    Instant last_handshake_received = kLongAgo;  // initiation or response, authentic

    // --- set when something was started ---
    Need need = Need::kTimer;         // of the session that is not there yet
    std::optional<Need> queued;       // is in the engine's queue, for this
    Instant initiate_at = kNever;     // an initiation that waits its turn
    Instant retransmit_at = kNever;   // our initiation was not answered
    std::uint32_t retries = 0;        // initiations since the first one, quick ones apart
    std::uint32_t quick_retries = 0;  // those that did not wait for kRekeyTimeout

    // --- the handshake that follows when our data is not answered ---
    Instant new_handshake_fired = kLongAgo;
    Duration new_handshake_jitter{};

    // --- passive keepalive ---
    Instant keepalive_answered = kLongAgo;  // the received data that the last keepalive was for
    Instant second_keepalive_at = kNever;   // more data came while that one was due (conformance T3)

    // --- persistent keepalive ---
    Instant persistent_fired = kLongAgo;
    Duration persistent_interval{};  // zero: off

    // How long after an initiation of ours the next one follows, without jitter: while packets wait, and
    // after a start, the first ones come soon (conformance T1).
    [[nodiscard]] bool is_retry_quick() const {
        return (need == Need::kPackets || need == Need::kStart) && quick_retries < kQuickRetries.size();
    }
    [[nodiscard]] Duration retry_interval() const {
        return is_retry_quick() ? kQuickRetries.at(quick_retries) : kRekeyTimeout;
    }

    // Data was sent at a time, and nothing authentic came back for kNewHandshakeTimeout and a jitter (conformance T5).
    // Stamps lag, so this waits for kActivityInterval longer. kNever: all was answered.
    [[nodiscard]] Instant new_handshake_at() const;

    // The data that a passive keepalive would be for: when the first of it came. kLongAgo: none.
    [[nodiscard]] Instant keepalive_owed_since() const;
    // Data was received and nothing sent for kKeepaliveTimeout (conformance T3, T4). The data plane looks again before
    // it sends.
    [[nodiscard]] Instant keepalive_at() const;

    // The last authentic packet either way, or the last time this timer fired.
    [[nodiscard]] Instant persistent_base() const;
    [[nodiscard]] Instant persistent_keepalive_at() const;

    // The earliest of all above.
    [[nodiscard]] Instant next() const;
};

}  // namespace warren::wireguard
