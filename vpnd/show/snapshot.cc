#include "vpnd/show/snapshot.h"

#include <algorithm>
#include <map>
#include <span>
#include <utility>

#include "base/version.h"
#include "vpnd/show/digest.h"
#include "vpnd/show/refused.h"

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

// What a message carries.
ipc::PeerSettings shown_of(const ipc::PeerSettings& all) {
    if (all.allowed_ips.size() <= ipc::PeerSnapshot::kMostPrefixes) return all;
    ipc::PeerSettings out = all;
    out.allowed_ips.resize(ipc::PeerSnapshot::kMostPrefixes);
    return out;
}

control::PeerStatus status_of(const io::ControlWorker& control, const HeldPeer& peer) {
    const control::Engine* engine = control.engine(peer.listener);
    auto status = engine != nullptr ? engine->peer_status(peer.index) : std::nullopt;
    return status ? std::move(*status) : control::PeerStatus{};  // a suspended customer's peers are not in the engine
}

}  // namespace

ipc::PeerState state_of(const control::PeerStatus& status) {
    if (status.is_expired) return ipc::PeerState::kExpired;
    if (status.has_session) return ipc::PeerState::kOnline;
    return status.latest_handshake == kLongAgo ? ipc::PeerState::kNever : ipc::PeerState::kIdle;
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

    std::vector<ListenerRefusal> refused;
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
        const control::SaCounts sas = engine->sa_counts();
        out.half_open_ike_sas += sas.half_open;
        out.ike_sas += sas.ike_sas;
        out.child_sas += sas.child_sas;
        for (control::Refusal& refusal : engine->refusals()) {
            const auto [customer, peer] = customers_.find(refusal.peer);
            refused.push_back({id.owner, std::move(refusal), customer != nullptr ? customer->settings.id : "",
                               peer != nullptr ? peer->config.settings.name : ""});
        }
    }
    out.has_ike = customers_.listeners().contains(kIkeListener);
    out.refused = select_refused(std::move(refused), ipc::SnapshotHeader::kMostRefused);
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

ipc::CustomerSnapshot Snapshot::customer(const HeldCustomer& customer) const {
    ipc::CustomerSnapshot out;
    out.settings = customer.settings;
    out.listeners = listeners_of(customer);
    out.activity = activity_of(customer);
    out.peer_count = static_cast<std::uint32_t>(customer.peers.size());
    for (const HeldPeer& peer : customer.peers) {
        const control::PeerStatus status = status_of(control_, peer);
        if (state_of(status) == ipc::PeerState::kOnline) ++out.peers_online;
        if (status.uses_previous_identity) ++out.peers_on_previous_identity;
        const WallTime expires = peer.config.settings.expires;
        if (expires == WallTime{} || status.is_expired || customer.settings.suspended) continue;
        if (out.next_expiry != WallTime{} && out.next_expiry <= expires) continue;
        out.next_expiry = expires;
        out.next_to_expire = peer.config.settings.name;
    }
    out.connection_count = static_cast<std::uint32_t>(customer.connections.size());
    for (const HeldConnection& connection : customer.connections) {
        const ipc::ConnectionState state = state_of(connection_status(connection, control::ConnectionDetail::kSummary));
        if (state == ipc::ConnectionState::kUnserved) ++out.connections_unserved;
        if (state == ipc::ConnectionState::kUp) ++out.connections_up;
    }
    return out;
}

ipc::PeerSnapshot Snapshot::peer(Now now, const HeldCustomer& customer, std::size_t position) const {
    const HeldPeer& peer = customer.peers[position];
    const control::PeerStatus status = status_of(control_, peer);
    ipc::PeerSnapshot out{shown_of(peer.config.settings),
                          ipc::shown(peer.config.tunnel),
                          activity_of(customer, position),
                          {},
                          state_of(status)};
    out.allowed_ips_left_out =
        static_cast<std::uint32_t>(peer.config.settings.allowed_ips.size() - out.settings.allowed_ips.size());
    const std::int64_t ahead = status.newest.count() - now.wall.nanoseconds / std::nano::den;
    out.ahead_seconds = static_cast<std::uint32_t>(std::clamp<std::int64_t>(ahead, 0, UINT32_MAX));
    const auto age_of = [now](Instant at) -> std::optional<std::uint32_t> {
        if (at == kLongAgo) return std::nullopt;
        const auto age = std::chrono::duration_cast<std::chrono::seconds>(now.instant - at).count();
        return static_cast<std::uint32_t>(std::clamp<std::int64_t>(age, 0, UINT32_MAX));
    };
    const io::PeerCounters counters = counters_.peer(customer.index, position, peer.index);
    out.sent_seconds = age_of(counters.data_sent);
    out.received_seconds = age_of(counters.data_received);
    out.latest_handshake_seconds = age_of(status.latest_handshake);
    return out;
}

std::uint64_t Snapshot::digest(const HeldCustomer& customer) const {
    return digest_of(listeners_of(customer), activity_of(customer));
}

std::uint64_t Snapshot::digest(const HeldCustomer& customer, std::size_t position) const {
    return digest_of(activity_of(customer, position));
}

std::vector<ipc::ListenerSnapshot> Snapshot::listeners_of(const HeldCustomer& customer) const {
    std::vector<ipc::ListenerSnapshot> out;
    for (const HeldListener* listener : customers_.listeners_of(customer.settings.id)) {
        const control::Engine* const engine = control_.engine(listener->index);
        out.push_back({listener->id, listener->protocol, listener->port, engine == nullptr ? "" : engine->identity(),
                       engine == nullptr ? "" : engine->previous_identity()});
    }
    return out;
}

ipc::CustomerActivity Snapshot::activity_of(const HeldCustomer& customer) const {
    const dataplane::Meters meters = counters_.meters(customer.index);
    ipc::CustomerActivity out;
    out.rx_bytes = meters.inbound.bytes;
    out.tx_bytes = meters.outbound.bytes;
    out.rx_packets = meters.inbound.packets;
    out.tx_packets = meters.outbound.packets;
    out.rx_cpu_nanoseconds = static_cast<std::uint64_t>(meters.inbound.processor.count());
    out.tx_cpu_nanoseconds = static_cast<std::uint64_t>(meters.outbound.processor.count());
    out.drops = occurred(counters_.drops(customer.index));
    out.month = month_of(customer.settings.id, "");
    out.is_parked = customer.tuns.empty();
    return out;
}

ipc::PeerActivity Snapshot::activity_of(const HeldCustomer& customer, std::size_t position) const {
    const HeldPeer& peer = customer.peers[position];
    const control::PeerStatus status = status_of(control_, peer);
    const io::PeerCounters counters = counters_.peer(customer.index, position, peer.index);
    ipc::PeerActivity out;
    out.endpoint = customer.settings.suspended ? peer.config.settings.endpoint : status.endpoint;
    if (status.latest_handshake != kLongAgo) out.latest_handshake = status.latest_handshake_wall;
    out.rx_bytes = counters.rx_bytes;
    out.tx_bytes = counters.tx_bytes;
    out.has_session = status.has_session;
    if (state_of(status) == ipc::PeerState::kIdle) out.lost_because = name_of(status.lost_because);
    out.refused_as_old = status.refused_as_old;
    out.refused_as_too_soon = status.refused_as_too_soon;
    out.flaps_with = status.flaps_with;
    out.uses_next_key = status.uses_next_key;
    out.uses_previous_identity = status.uses_previous_identity;
    out.is_expired = status.is_expired;
    out.month = month_of(customer.settings.id, peer.config.settings.name);
    const PeerBook::Entry past = book_.of(peer.index);
    out.refused_at = past.refused_at;
    out.port_moves = past.port_moves;
    out.sources_refused = counters.sources_refused;
    if (counters.sources_refused > 0) out.source_refused = counters.source_refused;
    out.newest_seconds = static_cast<std::uint64_t>(std::max<std::int64_t>(status.newest.count(), 0));
    return out;
}

}  // namespace warren::vpnd
