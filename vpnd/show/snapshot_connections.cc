// Connections of IKE's in a snapshot: their states, their SAs, the last attempts.
#include <algorithm>
#include <iterator>
#include <utility>

#include "vpnd/show/digest.h"
#include "vpnd/show/snapshot.h"

namespace warren::vpnd {

namespace {

using Seconds = std::optional<std::uint32_t>;

std::uint32_t seconds_of(Duration span) {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(span).count();
    return static_cast<std::uint32_t>(std::clamp<std::int64_t>(seconds, 0, UINT32_MAX));
}
// Nothing: never. What is due is 0 s away.
Seconds until(Now now, Instant at) {
    return at == kNever ? Seconds() : seconds_of(at - now.instant);
}
Seconds since(Now now, Instant at) {
    return at == kLongAgo ? Seconds() : seconds_of(now.instant - at);
}

ipc::IkeSaSnapshot shown_of(Now now, control::IkeSaStatus& sa) {
    ipc::IkeSaSnapshot out;
    out.initiator_spi = sa.initiator_spi;
    out.responder_spi = sa.responder_spi;
    out.is_initiator = sa.is_initiator;
    out.is_established = sa.is_established;
    out.local_identity = std::move(sa.local_identity);
    out.remote_identity = std::move(sa.remote_identity);
    out.endpoint = sa.endpoint;
    out.local = {sa.local.address, sa.local_port, 0};
    out.peer_is_behind_nat = sa.peer_is_behind_nat;
    out.we_are_behind_nat = sa.we_are_behind_nat;
    out.suite = std::move(sa.suite);
    out.age_seconds = seconds_of(now.instant - sa.created);
    out.heard_seconds = since(now, sa.last_heard);
    out.rekey_seconds = until(now, sa.next_rekey);
    out.expiry_seconds = until(now, sa.expires);
    return out;
}

ipc::ChildSnapshot shown_of(Now now, control::ChildStatus& child, const io::PeerCounters& counters) {
    ipc::ChildSnapshot out;
    out.name = std::move(child.name);
    out.local = std::move(child.local);
    out.remote = std::move(child.remote);
    out.spi_in = child.spi_in.value;
    out.spi_out = child.spi_out;
    out.suite = std::move(child.suite);
    out.rx_bytes = counters.own_rx_bytes;
    out.tx_bytes = counters.own_tx_bytes;
    out.age_seconds = seconds_of(now.instant - child.created);
    out.rekey_seconds = until(now, child.next_rekey);
    out.expiry_seconds = until(now, child.expires);
    out.is_replaced = child.is_replaced;
    return out;
}

std::vector<ipc::AttemptSnapshot> shown_of(std::vector<control::Attempt> attempts, const std::string& connection) {
    std::vector<ipc::AttemptSnapshot> out;
    for (control::Attempt& attempt : attempts) {
        out.push_back({connection, attempt.at.wall, attempt.peer, attempt.is_ours,
                       attempt.failure ? std::string(name_of(*attempt.failure)) : std::string(),
                       std::move(attempt.peer_identity), std::move(attempt.asked_identity), std::move(attempt.offered),
                       std::move(attempt.accepted), std::move(attempt.sentence)});
    }
    return out;
}

}  // namespace

ipc::ConnectionState state_of(const std::optional<control::ConnectionStatus>& status) {
    if (!status) return ipc::ConnectionState::kUnserved;
    switch (status->state) {
        case control::ConnectionState::kListening: return ipc::ConnectionState::kListening;
        case control::ConnectionState::kConnecting: return ipc::ConnectionState::kConnecting;
        case control::ConnectionState::kUp: return ipc::ConnectionState::kUp;
        case control::ConnectionState::kDown: return ipc::ConnectionState::kDown;
    }
    return ipc::ConnectionState::kUnserved;
}

std::optional<control::ConnectionStatus> Snapshot::connection_status(const HeldConnection& connection,
                                                                     control::ConnectionDetail detail) const {
    const control::Engine* const engine = control_.engine(connection.listener);
    return engine == nullptr ? std::nullopt : engine->connection_status(connection.index, detail);
}

ipc::ConnectionActivity Snapshot::activity_of(const HeldCustomer& customer, const HeldConnection& connection,
                                              const control::ConnectionStatus& status) const {
    ipc::ConnectionActivity out;
    out.endpoint = status.endpoint;
    out.latest_handshake = status.latest_handshake_wall;
    for (const PeerIndex peer : connection.peers) {
        const io::PeerCounters counters = counters_.connection_peer(customer.index, peer);
        out.rx_bytes += counters.rx_bytes;
        out.tx_bytes += counters.tx_bytes;
    }
    out.month = month_of(customer.settings.id, connection.config.settings.name);
    out.lost_because = status.lost_because;
    out.rekeys = status.rekeys;
    out.failures = status.failures;
    if (status.last_failure) out.last_failure = name_of(*status.last_failure);
    return out;
}

std::string Snapshot::reason_of(const HeldCustomer& customer, const HeldConnection& connection,
                                const std::optional<control::ConnectionStatus>& status) const {
    if (status) return status->reason;
    if (customer.settings.suspended) return "the customer is suspended";
    return why_unserved_ ? why_unserved_(connection.index) : std::string();
}

ipc::ConnectionSnapshot Snapshot::connection(Now now, const HeldCustomer& customer, std::size_t position) const {
    const HeldConnection& connection = customer.connections[position];
    const auto status = connection_status(connection, control::ConnectionDetail::kSummary);
    ipc::ConnectionSnapshot out;
    out.settings = connection.config.settings;
    out.state = state_of(status);
    const control::ConnectionStatus known = status.value_or(control::ConnectionStatus{});
    out.reason = reason_of(customer, connection, status);
    out.sessions = known.sessions;
    out.activity = activity_of(customer, connection, known);
    out.latest_handshake_seconds = since(now, known.latest_handshake);
    out.next_attempt_seconds = until(now, known.next_attempt);
    return out;
}

std::vector<Snapshot::IkeSa> Snapshot::ike_sas(Now now, const HeldCustomer& customer, std::size_t position) const {
    std::vector<IkeSa> out;
    const HeldConnection& connection = customer.connections[position];
    auto status = connection_status(connection, control::ConnectionDetail::kIkeSas);
    if (!status) return out;
    for (control::IkeSaStatus& sa : status->ike_sas) {
        IkeSa& shown = out.emplace_back();
        shown.ike_sa = shown_of(now, sa);
        for (control::ChildStatus& child : sa.children) {
            const PeerIndex peer = child.peer;
            shown.children.push_back(shown_of(now, child, counters_.connection_peer(customer.index, peer)));
            shown.children.back().shares_counters = connection.children_of(peer) > 1;
        }
    }
    return out;
}

std::vector<ipc::AttemptSnapshot> Snapshot::attempts(const HeldConnection& connection) const {
    const control::Engine* const engine = control_.engine(connection.listener);
    if (engine == nullptr) return {};
    return shown_of(engine->attempts(connection.index), connection.config.settings.name);
}

std::vector<ipc::AttemptSnapshot> Snapshot::strangers_attempts() const {
    std::vector<ipc::AttemptSnapshot> out;
    for (const auto& [id, listener] : customers_.listeners()) {
        const control::Engine* const engine = control_.engine(listener.index);
        if (engine != nullptr) std::ranges::move(shown_of(engine->strangers_attempts(), ""), std::back_inserter(out));
    }
    return out;
}

std::uint64_t Snapshot::connection_digest(const HeldCustomer& customer, std::size_t position) const {
    const HeldConnection& connection = customer.connections[position];
    const auto status = connection_status(connection, control::ConnectionDetail::kSummary);
    const control::ConnectionStatus known = status.value_or(control::ConnectionStatus{});
    return digest_of(state_of(status), known.reason, known.sessions, known.sas_mark,
                     activity_of(customer, connection, known));
}

}  // namespace warren::vpnd
