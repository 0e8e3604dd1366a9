// The inside of an engine, shared by engine.cc (peers and questions), engine_keys.cc (several keys of a peer and of
// ours), engine_handshake.cc (datagrams), engine_timers.cc (time, events), engine_expiry.cc (dates) and
// engine_resume.cc (sessions of an earlier process).
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "base/slot_table.h"
#include "base/token_bucket.h"
#include "vpnd/control/deadline_heap.h"
#include "vpnd/control/rate_limiter.h"
#include "vpnd/control/refusals.h"
#include "vpnd/wireguard/constants.h"
#include "vpnd/wireguard/cookie.h"
#include "vpnd/wireguard/engine.h"
#include "vpnd/wireguard/ephemeral_pool.h"
#include "vpnd/wireguard/initiation_budget.h"
#include "vpnd/wireguard/initiation_filter.h"
#include "vpnd/wireguard/initiation_queue.h"
#include "vpnd/wireguard/noise.h"
#include "vpnd/wireguard/peer.h"

namespace warren::wireguard {

// WireGuard whitepaper §6.2: the initiator renews by time, either side by messages.
[[nodiscard]] dataplane::Lifetime lifetime_of(bool is_initiator);

struct Engine::State {
    State(ListenerIndex of, crypto::PrivateKey private_key, control::IndexTable& index_table,
          crypto::RandomSource& random_source, EphemeralPool* pool, crypto::PrivateKey previous_key);
    State(const State&) = delete;
    State& operator=(const State&) = delete;
    ~State();

    // --- engine.cc: peers ---
    PeerEntry* find(PeerIndex peer);
    struct KeyOwner {
        PeerEntry* entry = nullptr;  // null: nobody's
        TheirKey which = TheirKey::kPresent;
    };
    KeyOwner find(const crypto::PublicKey& key);
    Peer& wake(PeerEntry& entry);
    // Null when unknown or asleep.
    Peer* awake(PeerIndex peer);
    [[nodiscard]] std::size_t hash_of_index(std::uint32_t place) const;
    [[nodiscard]] std::size_t hash_of_key(std::uint32_t place) const;
    [[nodiscard]] std::size_t hash_of_next_key(std::uint32_t place) const;
    void insert_keys(const PeerEntry& entry);
    void erase_keys(const PeerEntry& entry);
    void add_peer(Now now, PeerConfig&& config, std::span<control::SessionRecord> kept, Output& out);
    void update_peer(Now now, PeerEntry& entry, PeerConfig&& config, Output& out);
    void remove_peer(PeerEntry& entry, Output& out);
    [[nodiscard]] crypto::KeyPair new_ephemeral();
    // Notes where an authentic message came from, and tells the data plane (conformance E1, E2).
    void set_endpoint(Peer& peer, const Endpoint& remote, const LocalAddress& local, Output& out);
    // Of a peer that is asleep and has an endpoint.
    void post_endpoint(const PeerEntry& entry, Output& out);
    // The peer was heard there; notices when it goes back and forth.
    void note_move(Now now, Peer& peer, const Endpoint& remote, Output& out);
    void clear_local_address(Peer& peer, Output& out);

    // --- engine_keys.cc ---
    [[nodiscard]] bool is_ours(const crypto::PublicKey& key) const {
        return key == ours.public_key || (previous && key == previous->public_key);
    }
    void set_private_keys(Now now, crypto::PrivateKey private_key, crypto::PrivateKey previous_key, Output& out);
    [[nodiscard]] const crypto::KeyPair& own(OurKey which) const {
        return which == OurKey::kPrevious ? *previous : ours;
    }
    // DH(our static key, theirs), computed once. Nothing when it is zero: such a peer never causes a packet
    // (conformance H4).
    const crypto::Secret<32>* static_static_of(Peer& peer, KeyUse keys);
    // The peer has these keys from now on, each of them nobody else's: what the others made ends. `config` has them,
    // and what is kept of them; the entry's own stays as it is.
    void change_keys(Now now, PeerEntry& entry, PeerConfig& config, Output& out);
    // Another peer gets this key of its.
    void give_up_key(Now now, KeyOwner owner, Output& out);
    // What its handshakes and sessions with keys that are gone made ends, or is not sent on any more: `keeps` says
    // which keys stay, and what they are called now.
    enum class Ending : std::uint8_t { kAtOnce, kNotSentOn };
    void keep_sessions(Now now, Peer& peer, const std::function<std::optional<KeyUse>(KeyUse)>& keeps, Ending ending,
                       LostBecause reason, Output& out);
    // The keys for the next initiation: those in use, and now and then others that there are.
    [[nodiscard]] KeyUse keys_to_try(const Peer& peer) const;
    // Those of the handshake or session with this index of ours; nothing when the peer has none.
    [[nodiscard]] static std::optional<KeyUse> keys_of(const Peer& peer, SessionId index);
    // Those that name the peer so in the table of kept sessions.
    [[nodiscard]] KeyUse keys_named(const PeerEntry& entry, const control::PeerName& name) const;
    [[nodiscard]] control::PeerName name_of(const crypto::PublicKey& peer, OurKey which) const;

    // --- engine_expiry.cc ---
    [[nodiscard]] static bool has_expired(Now now, const PeerEntry& entry);
    // The entry's date is another one from now on.
    void set_expiry(Now now, PeerEntry& entry, WallTime expires, Output& out);
    // Ends what has expired since, and takes up again what has not when the clock was set back.
    void check_expiries(Now now, Output& out);
    void expire(Now now, PeerEntry& entry, Output& out);

    // --- engine.cc: sessions ---
    void post(const PeerConfig& peer, dataplane::Command command, Output& out);
    void retire(std::optional<Keypair>& slot, Output& out);
    void retire_all(Peer& peer, Output& out);
    void drop_pending(Peer& peer);
    void release_indexes(const Peer& peer);
    // Takes over what an earlier process left of the peer's sessions.
    void resume(Now now, PeerEntry& entry, std::span<control::SessionRecord> kept, Output& out);
    // Its last session goes.
    void lose(Now now, Peer& peer, LostBecause reason, Output& out);
    void completed(Now now, Peer& peer, bool is_initiator, KeyUse keys, Output& out);

    // --- engine_handshake.cc ---
    // Type, length and mac1: what fails is counted. The key of ours that it is for; a cookie reply says no such thing.
    [[nodiscard]] std::optional<OurKey> receiver_of(Now now, const Arrival& arrival, Bytes datagram);
    // Counted, and remembered for people. `who`: the key that the sender claims; `peer`: whose key that is.
    void refuse_sender(Now now, DropReason reason, const Arrival& arrival, const crypto::PublicKey* who = nullptr,
                       PeerIndex peer = {});
    // Of a genuine one: a valid mac2, or the index of an initiation of ours that waits for its response.
    [[nodiscard]] bool is_proven(Now now, const Arrival& arrival, Bytes datagram);
    void count(DropReason reason) { counters.drops.add(reason); }
    void handle_initiation(Now now, const Arrival& arrival, Bytes datagram, OurKey receiver, Output& out);
    // An initiation is authentic, and cannot be accepted.
    void refuse(Now now, PeerEntry& entry, DropReason reason, TheirKey which, Output& out);
    void handle_response(Now now, const Arrival& arrival, Bytes datagram, OurKey receiver, Output& out);
    void handle_cookie_reply(Now now, Bytes datagram);
    // May a message with a valid mac1 cost Diffie-Hellman? When not, its cookie reply is in `out` and the drop is
    // counted.
    bool admit(Now now, const Arrival& arrival, Bytes datagram, OurKey receiver, std::uint32_t sender, Output& out);
    // The initiation is authentic and new: answers it, with a session that waits for confirmation.
    void respond(Now now, Peer& peer, KeyUse keys, const Arrival& arrival, const Initiation& initiation,
                 SymmetricState state, Output& out);
    // When the next initiation may leave (conformance T2).
    [[nodiscard]] static Instant earliest_initiation(const Peer& peer);
    // Starts a handshake, or goes on with the one that waits for its response; or notes when it may. Without an
    // endpoint: nothing. From the queue only.
    void initiate(Now now, Peer& peer, Output& out);
    // A timestamp of ours for this peer. Reserves what is not reserved yet.
    [[nodiscard]] Tai64n new_timestamp(Now now, const Peer& peer, Output& out);
    void send_initiation(Now now, Peer& peer, KeyUse keys, const crypto::Secret<32>& static_static, Output& out);
    bool is_under_load(Instant now) const { return now < loaded_until; }
    // For every datagram; and for every one with a valid mac1 that is no replay. True: there are too many of them.
    void count_handled();
    bool count_expensive(Instant now);

    // --- engine_timers.cc ---
    void on_need_session(Now now, Peer& peer, Need need, Output& out);
    void on_confirmed(Now now, Peer& peer, SessionId index, Output& out);
    void on_activity(Peer& peer, const dataplane::PeerActivity& activity);
    void on_due(Now now, Peer& peer, Output& out);
    void on_retransmit(Now now, Peer& peer, Output& out);
    void on_keepalive(Now now, Peer& peer, Output& out);
    void on_persistent_keepalive(Now now, Peer& peer, Output& out);
    void retire_rejected(Now now, Peer& peer, Output& out);
    // To a peer without a session: when its customer may.
    void initiate_absent(Now now, Peer& peer, Output& out);
    // To any other, and to one that is to be there after a start.
    void initiate_present(Now now, Peer& peer, Output& out);
    // Puts it into the queue, not before `turn`.
    void want_initiation(Now now, Peer& peer, Instant turn, Output& out);
    // Sends those whose turn has come, a bounded number.
    void serve_queue(Now now, Output& out);
    bool can_send(Instant now, const Peer& peer) const;
    // Puts the peer's next deadline into the heap.
    void schedule(const Peer& peer);

    ListenerIndex listener;
    control::IndexTable& indexes;
    crypto::RandomSource& random;
    EphemeralPool* ephemerals;
    crypto::KeyPair ours;
    std::optional<crypto::KeyPair> previous;  // of ours
    control::Refusals refusals;
    std::string listener_name;  // as its service names it
    Tai64n own_floor;           // our timestamps are later than this
    Tai64n reserved_until;      // and not later than this

    std::deque<PeerEntry> entries;  // by PeerEntry::timer; those in free_timers are nobody's
    std::vector<std::uint32_t> free_timers;
    SlotTable by_index;
    SlotTable by_key;
    SlotTable by_next_key;  // of those that have one

    std::set<std::pair<std::int64_t, std::uint32_t>> expiries;  // on the wall clock, and PeerEntry::timer
    std::int64_t expired_until = 0;                             // on the wall clock: the last check
    Instant check_expiries_at = kNever;

    control::DeadlineHeap deadlines;
    std::vector<std::uint32_t> due;  // emptied after use, kept for its memory
    InitiationQueue queue;           // by PeerEntry::timer
    TokenBucket own_pace;
    TokenBucket* pace = &own_pace;  // of all engines
    Instant turn = kNever;          // of this one, in `pace`: there is one while the queue is not empty
    InitiationBudget absent{{kAbsentPerSecond, kAbsentBurst}};

    CookieChecker cookies;
    InitiationFilter seen_initiations;
    control::RateLimiter<IpAddress> sources;
    control::KnownSources known_sources;
    TokenBucket all_known_sources;
    TokenBucket cookie_replies;
    control::RateLimiter<CustomerIndex> customers;
    // Of customers with PeerConfig::handshakes_per_second: at most as many as there were customers at once.
    std::unordered_map<CustomerIndex, TokenBucket> handshake_budgets;
    bool queue_is_long = false;
    TokenBucket expensive;
    std::uint32_t handled_in_window = 0;  // since the queue became long, or since the last full window
    std::uint32_t expensive_in_window = 0;
    Instant loaded_until = kLongAgo;

    HandshakeCounters counters;
};

}  // namespace warren::wireguard
