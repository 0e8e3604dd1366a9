// The whole conversation between control engines (vpnd/wireguard, vpnd/ike) and the data plane, as values.
// To a packet a WireGuard keypair and an IPsec CHILD_SA are the same, so every engine ends in InstallSession and
// RetireSession. Commands go from the control worker to the data worker that owns the session, events come back, each
// through a bounded queue that keeps order. The data plane knows nothing of handshakes; an engine knows nothing of
// packets.
#pragma once

#include <cstdint>
#include <optional>
#include <variant>

#include "base/drop_reason.h"
#include "base/ids.h"
#include "base/ip.h"
#include "base/time.h"
#include "crypto/keys.h"
#include "vpnd/dataplane/kept_session.h"
#include "vpnd/packet/selector.h"

namespace warren::dataplane {

// --- Commands: control worker -> data worker -----------------------------------------------------

// What a session may be used for: its age, the counter of its messages, the bytes of its messages in one direction.
struct Usage {
    Duration age = Duration::max();
    std::uint64_t messages = UINT64_MAX;
    std::uint64_t bytes = UINT64_MAX;
};

struct Lifetime {
    Usage renew_on_sending;                         // from there on a send asks for a new session
    Duration renew_on_receiving = Duration::max();  // age at which a receive asks, once per session
    Usage hard;                                     // from there on it is neither sent on nor received on
};

// When a session is sent on for the first time.
enum class SendWhen : std::uint8_t {
    kNow,                 // staged packets go out at once, or an empty message where the protocol has them
    kAfterFirstReceived,  // after its first authentic message or Confirm; until then what was sent on stays
    kNowInSilence,        // at once, but nothing is sent for it: it was sent on before this process began
    kNever,               // unless Confirm says so: another took its place, and it is received on until it is retired
};

// Whether an authentic message from another outer address moves the peer there.
enum class Follow : std::uint8_t { kAuthentic, kNever };

// A session with both directions' keys. From now on local_id is received on. Ownership of the keys moves.
struct InstallSession {
    SessionId local_id;           // in messages to us
    std::uint32_t remote_id = 0;  // in messages from us
    PeerIndex peer;
    ListenerIndex listener;  // its messages arrive there and leave from there, nowhere else; gives them their form
    crypto::AeadKey send_key;
    crypto::AeadKey receive_key;
    Instant created;
    Lifetime lifetime;
    SendWhen send_when = SendWhen::kAfterFirstReceived;
    Follow follow = Follow::kAuthentic;
    // kAfterFirstReceived: where the peer asked for it. It does not move the peer there; a message from there is
    // decrypted also when forged ones have spent the session's budget. Unspecified address: nowhere.
    Endpoint initiated_from;
    std::uint64_t first_counter = 0;  // of the first message sent
    // Where messages carry the low half of the counter only: its high half counts too, and is authentic (extended
    // sequence numbers, RFC 4303 §2.2.1).
    bool has_extended_sequence = false;
    bool copies_dscp = false;  // of packets sent: the DSCP goes to the outer packet (RFC 4301 §5.1.2)
    std::uint64_t replay_window = ReplayWindow::kSize;  // counters behind the newest; 64 to that
    bool is_initiator = false;                          // we began its handshake
    // Where it is kept for a successor of this process; null: nowhere. Its counters below `received` are refused. The
    // data worker frees it with the session.
    KeptSession* kept = nullptr;
    // Which of a peer's sessions carries which packets, where the protocol negotiates that: a peer has up to
    // kFlowsPerPeer flows, a new session takes the place of the present one of its flow only, and a packet takes the
    // first flow whose selectors match. No selectors: everything.
    std::uint8_t flow = 0;
    Selectors selectors;
    bool pinned = false;  // as SetEndpoint
};
inline constexpr std::uint8_t kFlowsPerPeer = 16;

// The session is gone at once, its keys are wiped. Unknown ids are ignored.
struct RetireSession {
    SessionId local_id;
};

// The session is the one of its flow that is sent on, whether it waited for its first message, or another took its
// place that is about to go.
struct Confirm {
    SessionId local_id;
};

// The peer's sessions are not sent on any more; they are still received on (our private key changed, conformance H15).
struct StopSending {
    PeerIndex peer;
};

// Where the peer is, from config or from a control message that was authentic.
struct SetEndpoint {
    PeerIndex peer;
    Endpoint remote;
    LocalAddress local;   // unspecified address: let the kernel choose
    bool pinned = false;  // what leaves for the peer leaves from `local`, which has the family of `remote`, or not at
                          // all; an authentic message that arrived at another address does not change that
};

// Where the peer is is not known any more.
struct ForgetEndpoint {
    PeerIndex peer;
};

// The cached local address is forgotten, the kernel chooses again (conformance T5, E2).
struct ClearLocalAddress {
    PeerIndex peer;
};

// Another one has the peer from now on: what is counted of it begins anew beside what was counted of all.
struct CountAnew {
    PeerIndex peer;
};

// Sends an empty message on the sending session, unless anything was sent to the peer at or after `unless_sent_since`,
// or (persistent keepalive) anything authentic was received at or after `unless_received_since`. No session, or a
// protocol without empty messages: nothing.
struct SendKeepalive {
    PeerIndex peer;
    Instant unless_sent_since = kNever;
    Instant unless_received_since = kNever;
};

// Packets that wait for a session are dropped (conformance T1, D7). kNoChildForPacket: the peer is there, and none of
// the sessions that may be made with it would carry them.
struct PurgeStaged {
    PeerIndex peer;
    DropReason reason = DropReason::kStagedPurged;
};

// A peer that is not in the customer's view, until DropPeer or the customer's end. To each of the customer's workers.
// One beyond kLivePeersPerCustomer, or kLivePeers of all customers, is not served: the engine counts them.
struct PutPeer {
    CustomerIndex customer;
    PeerIndex peer;
    std::uint32_t worker = 0;  // that has its sessions
};
inline constexpr std::size_t kLivePeersPerCustomer = std::size_t{1} << 14;
inline constexpr std::size_t kLivePeers = std::size_t{1} << 17;

// Its sessions, prefixes and packets go with it. To each of the customer's workers. A peer of the view stays.
struct DropPeer {
    CustomerIndex customer;
    PeerIndex peer;
};

// The peer has this prefix from now on, beside what the customer's view says: a leased address, or what selectors were
// narrowed to. The longest prefix decides, of equal ones the last that was put; a source within it may be any peer's
// that has it. It goes with DropPrefix, with the peer or with the customer. To each of the customer's workers. Of more
// than kLivePrefixesPerCustomer, or kLivePrefixes of all customers, the last are without effect, as are more than 16
// peers of one prefix: the engine counts them.
struct PutPrefix {
    CustomerIndex customer;
    Prefix prefix;
    PeerIndex peer;
};
inline constexpr std::size_t kLivePrefixesPerCustomer = std::size_t{1} << 16;
inline constexpr std::size_t kLivePrefixes = std::size_t{1} << 19;

// Unknown ones are ignored.
struct DropPrefix {
    CustomerIndex customer;
    Prefix prefix;
    PeerIndex peer;
};

// The session is with another data worker than its id says: this one, which the id names, transfers its messages there.
// RetireSession ends that too.
struct RouteSession {
    SessionId local_id;
    std::uint32_t worker = 0;
};

// The session is kept there from now on, and not where it was (vpnd/dataplane/kept_session.h). Everything but its
// counters is there already. Null: it is not kept any more. Unknown ids: the place is freed.
struct KeepElsewhere {
    SessionId local_id;
    KeptSession* kept = nullptr;
};

using Command = std::variant<InstallSession, RetireSession, Confirm, StopSending, SetEndpoint, ForgetEndpoint,
                             ClearLocalAddress, CountAnew, SendKeepalive, PurgeStaged, PutPeer, DropPeer, PutPrefix,
                             DropPrefix, RouteSession, KeepElsewhere>;

// --- Events: data worker -> control worker -------------------------------------------------------

// The peer needs a (new) session: a packet is staged for it, or its sending session is past a renewal limit.
// Repeated at most once a second per peer while the need lasts.
struct NeedSession {
    PeerIndex peer;
    std::optional<FlowKey> packet = std::nullopt;  // the staged one; nothing for a renewal
    SessionId past_limit{};                        // the session to be renewed; invalid: none
};

// The first authentic message arrived on a session that was installed with kAfterFirstReceived. Where it moved the
// peer, PeerRoamed comes before.
struct SessionConfirmed {
    PeerIndex peer;
    SessionId local_id;
};

// What happened on a peer's sessions since the last report; sent within kActivityInterval of the first change.
// Stamps are the time of the batch; kLongAgo = never.
struct PeerActivity {
    PeerIndex peer;
    // The first packet sent since anything authentic was received; kLongAgo: none.
    Instant first_unanswered_data_sent = kLongAgo;
    Instant last_data_sent = kLongAgo;  // not empty
    Instant last_sent = kLongAgo;       // anything, empty messages included
    // The first packet received since anything was sent; kLongAgo: none.
    Instant first_unanswered_data_received = kLongAgo;
    Instant last_data_received = kLongAgo;  // not empty
    Instant last_received = kLongAgo;       // anything authentic
};

// The peer was heard from another outer address than before (authentic message, conformance E1).
struct PeerRoamed {
    PeerIndex peer;
    Endpoint remote;
    LocalAddress local;
};

using Event = std::variant<NeedSession, SessionConfirmed, PeerActivity, PeerRoamed>;

// PeerActivity lags at most this long behind, so an engine lets a deadline pass by this much before it acts on old
// stamps.
inline constexpr Duration kActivityInterval = std::chrono::milliseconds(100);

}  // namespace warren::dataplane
