#include "ipc/snapshot.h"

#include "ipc/codec.h"

namespace warren::ipc {

template <>
struct LastOf<PeerState> {
    static constexpr auto value = PeerState::kOnline;
};

// Found by argument-dependent lookup from the codec, hence not in an anonymous namespace.
static void fields(auto& codec, Is<WorkerSnapshot> auto& m) {
    codec(m.handed_over, m.taken_over, m.ring_full, m.cpu_nanoseconds);
}
static void fields(auto& codec, Is<SnapshotRequest> auto& m) {
    codec(m.customer, m.with_peers, m.epoch, m.since);
}
static void fields(auto& codec, Is<SnapshotHeader> auto& m) {
    codec(m.appliance, m.version, m.generation, m.customer_count, m.drops, m.aead_backend, m.under_load);
    codec(m.handshakes_initiated, m.handshakes_completed, m.epoch, m.revision, m.full, m.workers);
    codec(m.cpu_nanoseconds, m.resident_bytes);
}
static void fields(auto& codec, Is<CustomerSnapshot> auto& m) {
    codec(m.id, m.name, m.listener, m.listen_port, m.listener_public_key, m.suspended, m.mtu, m.addresses, m.peer_count,
          m.peers_online);
    codec(m.rx_bytes, m.tx_bytes, m.rx_packets, m.tx_packets, m.rx_cpu_nanoseconds, m.tx_cpu_nanoseconds);
    codec(m.rate_up, m.rate_down, m.share, m.drops, m.all_peers);
}
static void fields(auto& codec, Is<PeerSnapshot> auto& m) {
    codec(m.name, m.public_key, m.has_preshared_key, m.allowed_ips, m.endpoint, m.latest_handshake,
          m.latest_handshake_seconds);
    codec(m.rx_bytes, m.tx_bytes, m.persistent_keepalive_seconds, m.state);
}
static void fields(auto&, Is<SnapshotEnd> auto&) {}
static void fields(auto& codec, Is<SnapshotError> auto& m) {
    codec(m.reason);
}

Status encode(const SnapshotMessage& message, std::vector<std::uint8_t>& wire) {
    return encode_variant(message, wire);
}

Result<SnapshotMessage> decode_snapshot(Bytes wire) {
    return decode_variant<SnapshotMessage>(wire);
}

}  // namespace warren::ipc
