// One session: what a packet needs to be opened or sealed.
#pragma once

#include <algorithm>
#include <utility>

#include "base/token_bucket.h"
#include "vpnd/dataplane/framing/framing.h"
#include "vpnd/dataplane/install.h"
#include "vpnd/dataplane/replay_window.h"

namespace warren::dataplane {

// Budget for failed decryptions per session (about 0.1 % of a core). Once it is spent, only datagrams from the peer's
// current endpoint, or from where it asked for the session, are decrypted. An attacker who knows a session's id can
// thereby delay a roaming peer until its next handshake, and cannot buy processor time with forged messages.
inline constexpr TokenRate kForgeries{.per_second = 1'000, .burst = 256};

// The keys are wiped with it. One data worker.
struct Session {
    // `form`: of the messages of its listener.
    Session(InstallSession&& install, const Framing& form)
        : local_id(install.local_id),
          remote_id(install.remote_id),
          peer(install.peer),
          listener(install.listener),
          framing(form),
          send_key(std::move(install.send_key)),
          receive_key(std::move(install.receive_key)),
          created(install.created),
          lifetime(install.lifetime),
          may_roam(install.follow == Follow::kAuthentic),
          initiated_from(install.initiated_from),
          flow(install.flow),
          has_selectors(!install.selectors.empty()),
          selectors(std::move(install.selectors)),
          has_extended_sequence(install.has_extended_sequence),
          copies_dscp(install.copies_dscp),
          next_counter(install.first_counter),
          reserved(install.first_counter),
          kept(install.kept),
          received(install.replay_window) {
        resume();
    }

    SessionId local_id;
    std::uint32_t remote_id;
    PeerIndex peer;
    ListenerIndex listener;
    const Framing& framing;
    crypto::AeadKey send_key;
    crypto::AeadKey receive_key;
    Instant created;
    Lifetime lifetime;
    bool may_roam;
    Endpoint initiated_from;
    std::uint8_t flow;
    bool has_selectors;
    Selectors selectors;
    bool has_extended_sequence;
    bool copies_dscp;
    std::uint64_t next_counter;  // of the next message sent: 64 bits on every machine (conformance S6)
    std::uint64_t reserved;      // messages are sent with counters below: as in `kept`
    KeptSession* kept;           // null: not kept
    std::uint64_t bytes_sent = 0;
    std::uint64_t bytes_received = 0;
    ReplayWindow received;
    TokenBucket forgeries;      // at kForgeries
    bool awaits_first = false;  // its first authentic message makes it the sending one of its flow
    bool has_received = false;
    bool asked_on_receiving = false;  // lifetime.renew_on_receiving has been acted upon

    // Older than it may be used at all (whitepaper §6.1).
    [[nodiscard]] bool expired(Instant now) const { return now - created >= lifetime.hard.age; }
    // `packets` more may be sent, if their bytes are left.
    [[nodiscard]] bool can_send(Instant now, std::uint64_t packets) const {
        return !expired(now) && next_counter < lifetime.hard.messages &&
               packets <= lifetime.hard.messages - next_counter;
    }
    // That may be sent.
    [[nodiscard]] std::uint64_t bytes_left() const {
        return lifetime.hard.bytes - std::min(lifetime.hard.bytes, bytes_sent);
    }
    // A send now should be followed by a new session.
    [[nodiscard]] bool should_renew_after_sending(Instant now) const {
        const Usage& soft = lifetime.renew_on_sending;
        return next_counter > soft.messages || now - created >= soft.age || bytes_sent >= soft.bytes;
    }

    // Before `messages` are sent: their counters are never used by a successor.
    void reserve(std::uint64_t messages) {
        if (next_counter + messages <= reserved) return;
        reserved = next_counter + std::min(KeptSession::kReservation, UINT64_MAX - next_counter);
        if (kept != nullptr) keep_reserved();
    }
    // Before the packet of the newest message is delivered: a successor refuses the message.
    void note_newest_received() {
        if (kept == nullptr) return;
        if (received.newest() + 1 >= KeptCounter::kLimit) return stop_keeping();
        kept->received.store(received.newest() + 1);
    }
    // At a planned end: a successor knows exactly what was received.
    void keep_window();
    // It is kept there, unless it is not kept any more.
    void keep_in(KeptSession& slot);
    // It is not kept any more.
    void stop_keeping() {
        if (kept != nullptr) std::exchange(kept, nullptr)->free();
    }

  private:
    void keep_reserved();
    // From what a predecessor received.
    void resume();
};

static_assert(sizeof(Session::next_counter) == 8);

}  // namespace warren::dataplane
