// vpnd -> vpnctl, statusd: what is going on, as plain values. No type here can hold a key that must stay secret.
//
//   client: SnapshotRequest        vpnd: SnapshotHeader, (CustomerSnapshot PeerSnapshot*)*, SnapshotEnd
//
// A client that asks repeatedly names what it has (`since`), and gets what changed: a customer with those of its
// peers that did. Nothing changes by itself as time passes: a state grows old at the client.
#pragma once

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

namespace warren::ipc {

struct SnapshotRequest {
    std::string customer;  // "" = all
    bool with_peers = true;
    std::uint64_t epoch = 0;  // with `since`: of the header they came with; 0 = everything
    std::uint64_t since = 0;  // the last header's revision
};

using DropCount = std::pair<std::string, std::uint64_t>;  // reason, packets; only reasons that occurred

// One data worker. What it gave to and took from the others is in packets (datagrams, or reads of a TUN): a few around
// a change, else none.
struct WorkerSnapshot {
    std::uint64_t handed_over = 0;
    std::uint64_t taken_over = 0;
    std::uint64_t ring_full = 0;  // was to be handed over, but there was no room: dropped
    std::uint64_t cpu_nanoseconds = 0;
};

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
};

struct CustomerSnapshot {
    std::string id;
    std::string name;
    std::string listener;  // "" = the shared one
    std::uint16_t listen_port = 0;
    std::string listener_public_key;  // base64
    bool suspended = false;
    std::uint16_t mtu = 0;
    std::vector<Prefix> addresses;
    std::uint32_t peer_count = 0;
    std::uint32_t peers_online = 0;
    std::uint64_t rx_bytes = 0;  // encrypted payload messages, headers included, as `wg show` counts
    std::uint64_t tx_bytes = 0;
    std::uint64_t rx_packets = 0;
    std::uint64_t tx_packets = 0;
    std::uint64_t rx_cpu_nanoseconds = 0;  // of the data workers, its firewall included
    std::uint64_t tx_cpu_nanoseconds = 0;
    std::uint64_t rate_up = 0;    // bits per second from its sites into the stack, 0 = no limit
    std::uint64_t rate_down = 0;  // and from the stack to its sites
    std::uint16_t share = 1;
    std::vector<DropCount> drops;
    bool all_peers = true;  // those that follow are all there are; false: those that changed
};

// online: a handshake within 180 s; idle: one before that; never: none yet.
enum class PeerState : std::uint8_t { kNever, kIdle, kOnline };

struct PeerSnapshot {
    std::string name;
    std::string public_key;  // base64
    bool has_preshared_key = false;
    std::vector<Prefix> allowed_ips;
    std::optional<Endpoint> endpoint;
    WallTime latest_handshake{};                            // 0 = never
    std::optional<std::uint32_t> latest_handshake_seconds;  // age, absent = never
    std::uint64_t rx_bytes = 0;
    std::uint64_t tx_bytes = 0;
    std::uint16_t persistent_keepalive_seconds = 0;
    PeerState state = PeerState::kNever;
};

struct SnapshotEnd {};

struct SnapshotError {
    std::string reason;  // "no such customer"
};

using SnapshotMessage =
    std::variant<SnapshotRequest, SnapshotHeader, CustomerSnapshot, PeerSnapshot, SnapshotEnd, SnapshotError>;

[[nodiscard]] Status encode(const SnapshotMessage& message, std::vector<std::uint8_t>& wire);
[[nodiscard]] Result<SnapshotMessage> decode_snapshot(Bytes wire);

}  // namespace warren::ipc
