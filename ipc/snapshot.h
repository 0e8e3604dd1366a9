// vpnd -> vpnctl, statusd: what is going on, as plain values. No type here can hold a key that must stay secret.
//
//   client: SnapshotRequest    vpnd: SnapshotHeader, (CustomerSnapshot PeerSnapshot* CONNECTION*)*, SnapshotEnd
//   CONNECTION: ConnectionSnapshot, and where they are asked for (IkeSaSnapshot ChildSnapshot*)*
//
// A client that asks repeatedly names what it has (`since`), and gets what changed: a customer with those of its
// peers and connections that did. Nothing changes by itself as time passes: a state grows old at the client.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/ip.h"
#include "base/result.h"
#include "base/time.h"
#include "ipc/connection_snapshot.h"
#include "ipc/fields.h"
#include "ipc/listener.h"
#include "ipc/settings.h"

namespace warren::ipc {

struct SnapshotRequest {
    std::string customer;       // "" = all
    bool with_peers = true;     // and connections
    std::uint64_t epoch = 0;    // with `since`: of the header they came with; 0 = everything
    std::uint64_t since = 0;    // the last header's revision
    bool with_ike_sas = false;  // and connections, whether with peers or without
};
void fields(auto& codec, Is<SnapshotRequest> auto& m) {
    codec(m.customer, m.with_peers, m.epoch, m.since, m.with_ike_sas);
}

using DropCount = std::pair<std::string, std::uint64_t>;  // reason, packets; only reasons that occurred

// One data worker. What it gave to and took from the others is in packets (datagrams, or reads of a TUN): a few around
// a change, else none.
struct WorkerSnapshot {
    std::uint64_t handed_over = 0;
    std::uint64_t taken_over = 0;
    std::uint64_t ring_full = 0;  // was to be handed over, but there was no room: dropped
    std::uint64_t cpu_nanoseconds = 0;
};
void fields(auto& codec, Is<WorkerSnapshot> auto& m) {
    codec(m.handed_over, m.taken_over, m.ring_full, m.cpu_nanoseconds);
}

// A sender that was refused before its customer was known, or that claims to be a peer and is not.
struct RefusedSender {
    std::string reason;    // as in DropCount
    std::string listener;  // its owner; "" = the appliance
    Endpoint from;         // of the latest message
    std::string who;       // the first letters of the key that it claims; "": it was not read
    std::uint64_t messages = 0;
    WallTime first;
    WallTime last;
    std::string customer;  // whose peer it claims to be; "": nobody's, or it was not read
    std::string peer;      // that one's name

    bool operator==(const RefusedSender&) const = default;
};
void fields(auto& codec, Is<RefusedSender> auto& m) {
    codec(m.reason, m.listener, m.from, m.who, m.messages, m.first, m.last, m.customer, m.peer);
}

struct SnapshotHeader {
    std::string appliance;
    std::string version;
    std::uint64_t generation = 0;      // the last Applied
    std::uint32_t customer_count = 0;  // that follow
    std::vector<DropCount> drops;      // before a customer was known: bad datagrams, unknown indexes
    std::string aead_backend;
    bool under_load = false;  // of any listener
    std::uint64_t handshakes_initiated = 0;
    std::uint64_t handshakes_completed = 0;
    std::uint64_t epoch = 0;     // of this vpnd's life: revisions of another mean nothing
    std::uint64_t revision = 0;  // of what follows
    bool full = true;  // false: only what changed since the revision that was asked with, and nothing has gone since
    std::vector<WorkerSnapshot> workers;  // by number
    std::uint64_t cpu_nanoseconds = 0;    // of the process: the workers' included
    std::uint64_t resident_bytes = 0;     // memory of the process that is in RAM; 0 = not known
    std::vector<RefusedSender> refused;   // lately, the latest first; at most kMostRefused
    bool has_ike = false;                 // there is a listener of IKE
    std::uint64_t half_open_ike_sas = 0;  // whose peer is not known yet
    std::uint64_t ike_sas = 0;            // established
    std::uint64_t child_sas = 0;
    static constexpr std::size_t kMostRefused = 64;
};
void fields(auto& codec, Is<SnapshotHeader> auto& m) {
    codec(m.appliance, m.version, m.generation, m.customer_count, m.drops, m.aead_backend, m.under_load);
    codec(m.handshakes_initiated, m.handshakes_completed, m.epoch, m.revision, m.full, m.workers);
    codec(m.cpu_nanoseconds, m.resident_bytes, m.refused, m.has_ike);
    codec(m.half_open_ike_sas, m.ike_sas, m.child_sas);
}

// Where the peers of a customer find us.
struct ListenerSnapshot {
    ListenerId id;
    Protocol protocol = Protocol::kUdp;
    std::uint16_t port = 0;
    std::string identity;                // as peers know us: WireGuard's public key in base64
    std::string previous_identity = {};  // that they may know us by as well, "": none

    bool operator==(const ListenerSnapshot&) const = default;
};
void fields(auto& codec, Is<ListenerSnapshot> auto& m) {
    codec(m.id, m.protocol, m.port, m.identity, m.previous_identity);
}

// What the packets of a customer did, since vpnd serves it.
struct CustomerActivity {
    std::uint64_t rx_bytes = 0;  // encrypted payload messages, headers included, as `wg show` counts
    std::uint64_t tx_bytes = 0;
    std::uint64_t rx_packets = 0;
    std::uint64_t tx_packets = 0;
    std::uint64_t rx_cpu_nanoseconds = 0;  // of the data workers, its firewall included
    std::uint64_t tx_cpu_nanoseconds = 0;
    std::vector<DropCount> drops;
    MonthUsage month = {};
    bool is_parked = false;  // it has no stack until a packet needs one

    bool operator==(const CustomerActivity&) const = default;
};
void fields(auto& codec, Is<CustomerActivity> auto& m) {
    codec(m.rx_bytes, m.tx_bytes, m.rx_packets, m.tx_packets, m.rx_cpu_nanoseconds, m.tx_cpu_nanoseconds, m.drops);
    codec(m.month, m.is_parked);
}

struct CustomerSnapshot {
    CustomerSettings settings;
    std::vector<ListenerSnapshot> listeners;  // at most one of each kind: its own, else the appliance's
    CustomerActivity activity;
    std::uint32_t peer_count = 0;
    std::uint32_t peers_online = 0;
    bool all_peers = true;  // those that follow are all there are; false: those that changed. So are the connections
    std::uint32_t connection_count = 0;
    std::uint32_t connections_unserved = 0;  // ConnectionState::kUnserved
    std::uint32_t connections_up = 0;
    std::uint32_t peers_on_previous_identity = 0;  // PeerActivity::uses_previous_identity
    WallTime next_expiry{};                        // of those that have not expired the first to do so; 0 = none will
    std::string next_to_expire;                    // its name

    // One that no peer can reach when there is none.
    [[nodiscard]] ListenerSnapshot listener(ListenerKind kind) const {
        const auto found = std::find_if(listeners.begin(), listeners.end(),
                                        [kind](const ListenerSnapshot& one) { return one.id.kind == kind; });
        return found == listeners.end() ? ListenerSnapshot{} : *found;
    }
};
void fields(auto& codec, Is<CustomerSnapshot> auto& m) {
    codec(m.settings, m.listeners, m.activity, m.peer_count, m.peers_online, m.all_peers, m.connection_count);
    codec(m.connections_unserved, m.connections_up, m.peers_on_previous_identity, m.next_expiry, m.next_to_expire);
}

// What a peer did.
struct PeerActivity {
    std::optional<Endpoint> endpoint;  // where it is now
    WallTime latest_handshake{};       // 0 = never
    std::uint64_t rx_bytes = 0;
    std::uint64_t tx_bytes = 0;
    bool has_session = false;
    std::string lost_because;          // without one, where there was one: control::LostBecause by name; else ""
    std::uint64_t refused_as_old = 0;  // handshakes that it began and was refused, though it is authentic
    std::uint64_t refused_as_too_soon = 0;
    std::uint64_t newest_seconds = 0;     // the time that it showed last, since 1970: until then all others are old
    std::optional<Endpoint> flaps_with;   // it goes there and back: two machines may use its key
    bool uses_next_key = false;           // in its latest handshake, of two keys of the peer
    bool uses_previous_identity = false;  // the same, of two keys of ours; a peer that never came uses neither
    bool is_expired = false;
    MonthUsage month = {};
    static constexpr std::size_t kPortMovesKept = 8;
    WallTime refused_at{};                      // the latest of these handshakes
    std::vector<WallTime> port_moves{};         // when its endpoint got another port and nothing else: the latest
    std::uint64_t sources_refused = 0;          // packets that it sent with a source address that is not its own
    std::optional<IpAddress> source_refused{};  // of the latest

    bool operator==(const PeerActivity&) const = default;
};
void fields(auto& codec, Is<PeerActivity> auto& m) {
    codec(m.endpoint, m.latest_handshake, m.rx_bytes, m.tx_bytes, m.has_session, m.lost_because, m.refused_as_old);
    codec(m.refused_as_too_soon, m.newest_seconds, m.flaps_with, m.uses_next_key, m.uses_previous_identity);
    codec(m.is_expired, m.month, m.refused_at, m.port_moves, m.sources_refused, m.source_refused);
}

// online: there is a session; idle: there was one; never: none yet, as far as vpnd and its predecessors know; expired:
// there is none any more (PeerSettings::expires).
enum class PeerState : std::uint8_t { kNever, kIdle, kOnline, kExpired };
template <>
struct LastOf<PeerState> {
    static constexpr auto value = PeerState::kExpired;
};

struct PeerSnapshot {
    static constexpr std::size_t kMostPrefixes = 2'000;

    PeerSettings settings;  // of its allowed_ips the first kMostPrefixes
    ShownTunnel tunnel;
    PeerActivity activity;
    // What follows from the activity and the time.
    std::optional<std::uint32_t> latest_handshake_seconds;  // age, absent = never
    PeerState state = PeerState::kNever;
    std::uint32_t ahead_seconds = 0;         // how far activity.newest_seconds is ahead of our clock
    std::uint32_t allowed_ips_left_out = 0;  // that the peer has and settings do not show
    // Since a packet went to it, and since one came, keepalives not counted; absent: none did since vpnd began.
    std::optional<std::uint32_t> sent_seconds = {};
    std::optional<std::uint32_t> received_seconds = {};
};
void fields(auto& codec, Is<PeerSnapshot> auto& m) {
    codec(m.settings, m.tunnel, m.activity, m.latest_handshake_seconds, m.state, m.ahead_seconds);
    codec(m.allowed_ips_left_out, m.sent_seconds, m.received_seconds);
}

struct SnapshotEnd {};

struct SnapshotError {
    std::string reason;  // "no such customer"
};
void fields(auto& codec, Is<SnapshotError> auto& m) {
    codec(m.reason);
}
void fields(auto& /*codec*/, Is<SnapshotEnd> auto& /*m*/) {}

using SnapshotMessage =
    std::variant<SnapshotRequest, SnapshotHeader, CustomerSnapshot, PeerSnapshot, SnapshotEnd, SnapshotError,
                 ConnectionSnapshot, IkeSaSnapshot, ChildSnapshot, AttemptsRequest, AttemptSnapshot>;

[[nodiscard]] Status encode(const SnapshotMessage& message, std::vector<std::uint8_t>& wire);
[[nodiscard]] Result<SnapshotMessage> decode_snapshot(Bytes wire);

}  // namespace warren::ipc
