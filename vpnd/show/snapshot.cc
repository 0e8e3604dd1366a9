#include "vpnd/show/snapshot.h"

#include <algorithm>
#include <map>
#include <span>
#include <utility>

#include "base/version.h"
#include "crypto/keys.h"

namespace warren::vpnd {

namespace {

// Of the first reasons, as many as there are counts.
std::vector<ipc::DropCount> occurred(std::span<const std::uint64_t> drops) {
    std::vector<ipc::DropCount> out;
    for (std::size_t i = 0; i < drops.size(); ++i) {
        if (drops[i] != 0) out.emplace_back(std::string(drop_reasons()[i].name), drops[i]);
    }
    return out;
}

// Not against an adversary: what is mixed in are our own counters and clocks.
class Digest {
  public:
    void add(std::uint64_t value) {
        value_ ^= value + 0x9e3779b97f4a7c15 + (value_ << 6) + (value_ >> 2);
        value_ *= 0xff51afd7ed558ccd;
        value_ ^= value_ >> 33;
    }
    [[nodiscard]] std::uint64_t value() const { return value_; }

  private:
    std::uint64_t value_ = 0x243f6a8885a308d3;
};

control::PeerStatus status_of(const io::ControlWorker& control, const HeldCustomer& customer, const HeldPeer& peer) {
    const control::Engine* engine = control.engine(customer.listener);
    auto status = engine != nullptr ? engine->peer_status(peer.index) : std::nullopt;
    return status ? std::move(*status) : control::PeerStatus{};  // a suspended customer's peers are not in the engine
}

}  // namespace

ipc::PeerState state_of(Now now, const control::PeerStatus& status) {
    if (status.latest_handshake == kLongAgo) return ipc::PeerState::kNever;
    return now.instant - status.latest_handshake < kOnline ? ipc::PeerState::kOnline : ipc::PeerState::kIdle;
}

Snapshot::Snapshot(const CustomerSet& customers, const io::ControlWorker& control, const Counters& counters,
                   std::string appliance, std::string aead_backend, ProcessUsage usage)
    : customers_(customers),
      control_(control),
      counters_(counters),
      appliance_(std::move(appliance)),
      aead_backend_(std::move(aead_backend)),
      usage_(std::move(usage)) {}

ipc::SnapshotHeader Snapshot::header(Now now) const {
    ipc::SnapshotHeader out;
    out.appliance = appliance_;
    out.version = kVersion;
    out.generation = customers_.generation();
    out.aead_backend = aead_backend_;

    std::map<std::string, std::uint64_t> drops;
    for (auto& [reason, count] : occurred(counters_.own_drops())) drops[reason] += count;
    for (const auto& [id, listener] : customers_.listeners()) {
        const control::Engine* engine = control_.engine(listener.index);
        if (engine == nullptr) continue;
        const control::EngineCounters counters = engine->totals();
        for (const DropCounters* counted : {&counters.drops, control_.drops(listener.index)}) {
            for (auto& [reason, count] : occurred(counted->all())) drops[reason] += count;
        }
        out.under_load = out.under_load || engine->under_load(now);
        out.handshakes_initiated += counters.handshakes_initiated;
        out.handshakes_completed += counters.handshakes_completed;
    }
    for (const Counters::Worker& worker : counters_.workers()) {
        const io::TransferCounters& packets = worker.transfers;
        out.workers.push_back(
            {packets.given, packets.taken, packets.refused, static_cast<std::uint64_t>(worker.processor.count())});
    }
    out.cpu_nanoseconds = static_cast<std::uint64_t>(usage_.processor_time().count());
    out.resident_bytes = usage_.resident_bytes();
    for (auto& [reason, count] : drops) {
        out.drops.emplace_back(reason, count);
    }
    return out;
}

ipc::CustomerSnapshot Snapshot::customer(Now now, const HeldCustomer& customer) const {
    ipc::CustomerSnapshot out;
    out.id = customer.config.id;
    out.name = customer.config.name;
    out.listener = customer.config.listener;
    if (const HeldListener* listener = customers_.listener(customer.listener)) {
        out.listen_port = listener->port;
        out.listener_public_key = to_base64(listener->public_key);
    }
    out.suspended = customer.config.suspended;
    out.mtu = customer.config.mtu;
    out.addresses = customer.config.addresses;
    out.peer_count = static_cast<std::uint32_t>(customer.peers.size());
    for (std::size_t i = 0; i < customer.peers.size(); ++i) {
        const HeldPeer& peer = customer.peers[i];
        if (state_of(now, status_of(control_, customer, peer)) == ipc::PeerState::kOnline) ++out.peers_online;
    }
    const dataplane::Meters meters = counters_.meters(customer.index);
    out.rx_bytes = meters.inbound.bytes;
    out.tx_bytes = meters.outbound.bytes;
    out.rx_packets = meters.inbound.packets;
    out.tx_packets = meters.outbound.packets;
    out.rx_cpu_nanoseconds = static_cast<std::uint64_t>(meters.inbound.processor.count());
    out.tx_cpu_nanoseconds = static_cast<std::uint64_t>(meters.outbound.processor.count());
    out.rate_up = customer.config.rate_up;
    out.rate_down = customer.config.rate_down;
    out.share = customer.config.share;
    out.drops = occurred(counters_.drops(customer.index));
    return out;
}

ipc::PeerSnapshot Snapshot::peer(Now now, const HeldCustomer& customer, std::size_t position) const {
    const HeldPeer& peer = customer.peers[position];
    const control::PeerStatus status = status_of(control_, customer, peer);
    const io::PeerCounters counters = counters_.peer(customer.index, position, peer.index);
    ipc::PeerSnapshot out;
    out.name = peer.config.name;
    out.public_key = to_base64(peer.config.public_key);
    out.has_preshared_key = !peer.config.preshared_key.secret.is_zero();
    out.allowed_ips = peer.config.allowed_ips;
    out.endpoint = customer.config.suspended ? peer.config.endpoint : status.endpoint;
    out.persistent_keepalive_seconds = peer.config.persistent_keepalive_seconds;
    out.rx_bytes = counters.rx_bytes;
    out.tx_bytes = counters.tx_bytes;
    out.state = state_of(now, status);
    if (out.state == ipc::PeerState::kNever) return out;
    out.latest_handshake = status.latest_handshake_wall;
    const auto age = std::chrono::duration_cast<std::chrono::seconds>(now.instant - status.latest_handshake).count();
    out.latest_handshake_seconds = static_cast<std::uint32_t>(std::clamp<std::int64_t>(age, 0, UINT32_MAX));
    return out;
}

std::uint64_t Snapshot::digest(const HeldCustomer& customer) const {
    Digest digest;
    const dataplane::Meters meters = counters_.meters(customer.index);
    for (const auto* direction : {&meters.inbound, &meters.outbound}) {
        digest.add(direction->bytes);
        digest.add(direction->packets);
    }
    for (const std::uint64_t count : counters_.drops(customer.index)) digest.add(count);
    if (const HeldListener* listener = customers_.listener(customer.listener)) {
        digest.add(listener->port);
        digest.add(load_le<std::uint64_t>(listener->public_key.bytes.data()));
    }
    return digest.value();
}

std::uint64_t Snapshot::digest(const HeldCustomer& customer, std::size_t position) const {
    const HeldPeer& peer = customer.peers[position];
    const control::PeerStatus status = status_of(control_, customer, peer);
    const io::PeerCounters counters = counters_.peer(customer.index, position, peer.index);
    Digest digest;
    digest.add(counters.rx_bytes);
    digest.add(counters.tx_bytes);
    digest.add(static_cast<std::uint64_t>(status.latest_handshake.nanoseconds));
    if (status.endpoint) {
        digest.add(load_le<std::uint64_t>(status.endpoint->address.octets.data()));
        digest.add(load_le<std::uint64_t>(status.endpoint->address.octets.data() + 8));
        digest.add(std::uint64_t{status.endpoint->port} << 32 | status.endpoint->scope_id);
    }
    return digest.value();
}

}  // namespace warren::vpnd
