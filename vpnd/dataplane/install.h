// The whole conversation between control engines (vpnd/wireguard, later vpnd/ike) and the data plane, as values.
// To a packet a WireGuard keypair and an IPsec CHILD_SA are the same, so every engine ends in InstallSession and
// RetireSession. Commands go from the control worker to the data worker that owns the session, events come back, each
// through a bounded queue that keeps order. The data plane knows nothing of handshakes; an engine knows nothing of
// packets.
#pragma once

#include <cstdint>
#include <variant>

#include "base/ids.h"
#include "base/ip.h"
#include "base/time.h"
#include "crypto/keys.h"

namespace warren::dataplane {

// When a session must be renewed or not used any more. WireGuard's numbers: whitepaper §6.1.
struct SessionLimits {
    Duration rekey_after_sending = Duration::max();  // age at which a send asks for a new session (initiator: 120 s)
    Duration rekey_after_receiving =
        Duration::max();                      // age at which a receive asks, once per session (initiator: 165 s)
    Duration reject_after = Duration::max();  // age at which the session is neither sent on nor received on (180 s)
    std::uint64_t rekey_after_messages = UINT64_MAX;   // 2^60
    std::uint64_t reject_after_messages = UINT64_MAX;  // 2^64 - 2^13 - 1: counters at or above are refused both ways
};

// --- Commands: control worker -> data worker
// -----------------------------------------------------------------------------------

// A session with both directions' keys. From now on local_id is received on. Ownership of the keys moves.
struct InstallSession {
    SessionId local_id;           // in packets to us
    std::uint32_t remote_id = 0;  // in packets from us
    PeerIndex peer;
    crypto::AeadKey send_key;
    crypto::AeadKey receive_key;
    Instant created;
    SessionLimits limits;
    // True (initiator): send on it from now on; staged packets go out, or an empty keepalive when there are none, which
    // confirms the session to the responder. False (responder): nothing is sent on it until the first authentic packet
    // arrived on it, which makes it the sending session and emits SessionConfirmed (WireGuard whitepaper §5.4.5,
    // conformance S1-S3).
    bool confirmed = false;
};

// The session is gone at once, its keys are wiped. Unknown indexes are ignored.
struct RetireSession {
    SessionId local_id;
};

// The peer's sending session is not used for sending any more, its receiving side stays (our private key changed,
// conformance H15).
struct StopSending {
    PeerIndex peer;
};

// Where the peer is, from config or from a handshake message that was authentic.
struct SetEndpoint {
    PeerIndex peer;
    Endpoint remote;
    LocalAddress local;  // unspecified address: let the kernel choose
};

// The cached local address is forgotten, the kernel chooses again (conformance T5, E2).
struct ClearLocalAddress {
    PeerIndex peer;
};

// Sends an empty packet on the sending session, unless anything was sent to the peer at or after `unless_sent_since`,
// or (persistent keepalive) anything authentic was received at or after `unless_received_since`. No session: nothing.
struct SendKeepalive {
    PeerIndex peer;
    Instant unless_sent_since = kNever;
    Instant unless_received_since = kNever;
};

// Packets that wait for a session are dropped (conformance T1, D7).
struct PurgeStaged {
    PeerIndex peer;
};

using Command = std::variant<InstallSession, RetireSession, StopSending, SetEndpoint, ClearLocalAddress, SendKeepalive,
                             PurgeStaged>;

// --- Events: data worker -> control worker
// ---------------------------------------------------------------------------------------

// The peer needs a (new) session: a packet is staged for it, or its sending session is past a rekey limit.
// Repeated at most once a second per peer while the need lasts.
struct NeedSession {
    PeerIndex peer;
};

// The first authentic packet arrived on a session that was installed with confirmed = false.
struct SessionConfirmed {
    PeerIndex peer;
    SessionId local_id;
};

// What happened on a peer's sessions since the last report; sent within kActivityInterval of the first change.
// Stamps are the time of the batch; kLongAgo = never.
struct PeerActivity {
    PeerIndex peer;
    Instant first_unanswered_data_sent =
        kLongAgo;  // first non-empty packet sent since anything authentic was received; kLongAgo: none
    Instant last_data_sent = kLongAgo;  // non-empty
    Instant last_sent = kLongAgo;       // anything, keepalives included
    Instant first_unanswered_data_received =
        kLongAgo;                           // first non-empty packet received since anything was sent; kLongAgo: none
    Instant last_data_received = kLongAgo;  // non-empty
    Instant last_received = kLongAgo;       // anything authentic
};

// The peer was heard from another outer address than before (authentic packet, conformance E1).
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
