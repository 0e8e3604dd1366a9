// What the WireGuard engine hands back: the values of every engine, and its record.
#pragma once

#include <optional>

#include "base/bytes.h"
#include "crypto/keys.h"
#include "vpnd/control/engine.h"
#include "vpnd/wireguard/tai64n.h"

namespace warren::wireguard {

using control::Arrival;
using control::HandshakeCompleted;
using control::HandshakeGaveUp;
using control::HandshakeRefused;
using control::LostBecause;
using control::OutgoingMessage;
using control::Output;
using control::PeerFlaps;
using control::PeerLost;
using control::PeerMoved;
using control::PeerNews;
using control::PeerResumed;
using control::PeerStatus;
using control::PostedCommand;

// An initiation of this peer was accepted: its later ones have a later timestamp (conformance H7).
struct TimestampAccepted {
    PeerIndex peer;
    crypto::PublicKey public_key;
    Tai64n timestamp;
};
[[nodiscard]] control::Record to_record(const TimestampAccepted& accepted);
// Nothing when it is none of ours.
[[nodiscard]] std::optional<TimestampAccepted> timestamp_of(const control::Record& record);

// Timestamps of ours, to whatever peer, are not later than this until the next one of these: those after a restart have
// to be later, because a peer refuses an initiation that is older than its latest.
struct TimestampsReserved {
    Tai64n until;
};
[[nodiscard]] control::Record to_record(const TimestampsReserved& reserved);
[[nodiscard]] std::optional<TimestampsReserved> reservation_of(const control::Record& record);

}  // namespace warren::wireguard
