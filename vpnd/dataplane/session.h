// One session: what a packet needs to be opened or sealed.
#pragma once

#include "base/token_bucket.h"
#include "vpnd/dataplane/install.h"
#include "vpnd/dataplane/replay_window.h"

namespace warren::dataplane {

// Messages with a wrong tag that a session opens in vain, about a thousandth of a core; then only what comes from the
// peer's endpoint is opened. Who knows a receiver index can so delay a roaming peer until his next handshake, and
// cannot buy time with forged messages.
inline constexpr TokenRate kForgeries{.per_second = 1'000, .burst = 256};

// The keys are wiped with it. One data worker.
struct Session {
    explicit Session(InstallSession&& install)
        : local_id(install.local_id),
          remote_id(install.remote_id),
          peer(install.peer),
          send_key(std::move(install.send_key)),
          receive_key(std::move(install.receive_key)),
          created(install.created),
          limits(install.limits) {}

    SessionId local_id;
    std::uint32_t remote_id;
    PeerIndex peer;
    crypto::AeadKey send_key;
    crypto::AeadKey receive_key;
    Instant created;
    SessionLimits limits;
    std::uint64_t next_counter = 0;  // of the next message sent: 64 bits on every machine (conformance S6)
    ReplayWindow received;
    TokenBucket forgeries;  // at kForgeries
    bool has_received = false;
    bool asked_on_receiving = false;  // limits.rekey_after_receiving has been acted upon

    // Older than it may be used at all (whitepaper §6.1).
    [[nodiscard]] bool expired(Instant now) const { return now - created >= limits.reject_after; }
    // `packets` more may be sent.
    [[nodiscard]] bool can_send(Instant now, std::uint64_t packets) const {
        return !expired(now) && next_counter < limits.reject_after_messages &&
               packets <= limits.reject_after_messages - next_counter;
    }
    // A send now should be followed by a new handshake.
    [[nodiscard]] bool should_renew_after_sending(Instant now) const {
        return next_counter > limits.rekey_after_messages || now - created >= limits.rekey_after_sending;
    }
};

static_assert(sizeof(Session::next_counter) == 8);

}  // namespace warren::dataplane
