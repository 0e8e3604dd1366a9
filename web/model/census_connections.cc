// Connections of IPsec in the census: states, rates, events.
#include <algorithm>
#include <utility>

#include "base/drop_reason.h"
#include "web/model/census.h"

namespace warren::web {

namespace {

using State = ipc::ConnectionState;

// Attempts of one connection that fail are an event when the reason is another one, and at most this often.
constexpr Duration kQuiet = std::chrono::seconds(60);

EventKind kind_of_loss(std::string_view because) {
    if (because == "silent") return EventKind::kPeerDead;
    return because == "expired" ? EventKind::kExpired : EventKind::kDown;
}

// Clients come and go: nobody is there at night, and nothing is wrong.
bool is_for_many(const ipc::ConnectionSettings& settings) {
    return settings.max_sessions > 1 || !settings.pool.empty();
}

bool same_row(const ipc::ConnectionSnapshot& a, const ipc::ConnectionSnapshot& b) {
    return a.settings == b.settings && a.state == b.state && a.reason == b.reason && a.sessions == b.sessions &&
           a.activity == b.activity;
}

}  // namespace

std::string_view name_of(State state) {
    switch (state) {
        case State::kUnserved: return "unserved";
        case State::kListening: return "listening";
        case State::kConnecting: return "connecting";
        case State::kUp: return "up";
        case State::kDown: return "down";
    }
    return "unserved";
}

bool is_lost(const ConnectionEntry& connection) {
    if (connection.shown.state == State::kUp || connection.shown.state == State::kUnserved) return false;
    if (connection.shown.state == State::kListening && is_for_many(connection.shown.settings)) return false;
    return connection.was_up || !connection.shown.activity.lost_because.empty() ||
           !connection.shown.activity.last_failure.empty();
}

const std::string& reason_of(const ConnectionEntry& connection) {
    const std::string& failure = connection.shown.activity.last_failure;
    return failure.empty() ? connection.lost_because : failure;
}

void count(const ConnectionEntry& connection, ConnectionCounts& counts) {
    switch (connection.shown.state) {
        case State::kUnserved: ++counts.unserved; break;
        case State::kListening: ++counts.listening; break;
        case State::kConnecting: ++counts.connecting; break;
        case State::kUp: ++counts.up; break;
        case State::kDown: ++counts.down; break;
    }
    if (is_lost(connection)) ++counts.lost;
}

std::string connection_key(const ipc::ConnectionSettings& settings) {
    const IkeIdentity& identity = settings.remote_identity;
    if (identity.type == IkeIdentityType::kAny) return {};
    return "ike " + std::to_string(static_cast<int>(identity.type)) + (identity.is_pattern ? "*" : " ") +
           canonical(identity).text;
}

// Why it is not up any more, with what vpnd cannot know.
std::string Census::reason_of_loss(Now now, const CustomerEntry& customer, const ConnectionEntry& connection) const {
    if (customer.shown.settings.suspended) return "suspended";
    if (!connection.shown.activity.lost_because.empty()) return connection.shown.activity.lost_because;
    return now.instant - vpnd_started_ < kSilence ? "vpnd_restarted" : "stopped";
}

void Census::record_connection(Now now, EventKind kind, const CustomerEntry& customer, const std::string& name,
                               std::string from, std::string to, std::string reason) {
    Event event{0, now.wall, kind, customer.shown.settings.id, {}, std::move(reason), std::move(from), std::move(to)};
    event.connection = name;
    events_.add(std::move(event));
}

void Census::apply_connection(Now now, double seconds, CustomerEntry& customer, SnapshotRound::Connection round,
                              bool is_new_customer) {
    const std::string name = round.connection.settings.name;
    const auto [at, is_new] = customer.connections.try_emplace(name);
    ConnectionEntry& entry = at->second;
    if (is_new) {
        entry.first_seen = now.wall;
        customer.config_tick = tick_;
        if (!is_new_customer) record_connection(now, EventKind::kAdded, customer, name);
    } else if (!(entry.shown.settings == round.connection.settings)) {
        customer.config_tick = tick_;
        record_connection(now, EventKind::kChanged, customer, name);
    }
    const Rates rates = std::exchange(
        entry.rates, is_new
                         ? Rates{}
                         : rates_between(entry.shown.activity.rx_bytes, round.connection.activity.rx_bytes,
                                         entry.shown.activity.tx_bytes, round.connection.activity.tx_bytes, seconds));
    // Its SAs may be others, though no figure is: then it is in an answer that has only what changed.
    if (is_new || !header_.full || rates != entry.rates || !same_row(entry.shown, round.connection)) entry.tick = tick_;
    const ipc::ConnectionSnapshot before = std::exchange(entry.shown, std::move(round.connection));
    entry.ike_sas = std::move(round.ike_sas);
    entry.ike_sas_left_out = round.ike_sas_left_out;
    entry.as_of = now.wall;
    entry.seen = round_;
    if (entry.shown.state == State::kUp) {
        entry.was_up = true;
        entry.lost_because.clear();
        entry.failure_told.clear();
    } else if (entry.lost_because.empty()) {
        entry.lost_because = entry.shown.activity.lost_because;
    }
    if (!is_new) return record_changes(now, customer, entry, before);
    ipc::ConnectionSnapshot restored = entry.shown;
    if (restore_state(customer.shown.settings.id, entry, restored)) record_changes(now, customer, entry, restored);
}

void Census::record_changes(Now now, CustomerEntry& customer, ConnectionEntry& entry,
                            const ipc::ConnectionSnapshot& before) {
    const ipc::ConnectionSnapshot& after = entry.shown;
    const std::string& name = after.settings.name;
    const bool is_up = after.state == State::kUp;
    const bool had_been_up = before.state == State::kUp;
    if (after.state != before.state) {
        entry.state_since = now.wall;
        entry.has_state_since = true;
        entry.tick = tick_;
        const std::string from(name_of(before.state));
        const std::string to(name_of(after.state));
        if (is_up) record_connection(now, EventKind::kUp, customer, name, from, to);
        if (had_been_up) {
            entry.lost_because = customer.lost_because = reason_of_loss(now, customer, entry);
            record_connection(now, kind_of_loss(entry.lost_because), customer, name, from, to, entry.lost_because);
        }
    }
    const auto& was = before.activity.endpoint;
    const auto& is = after.activity.endpoint;
    if (is_up && had_been_up && before.settings == after.settings && was && is && *was != *is &&
        after.settings.max_sessions == 1)
        record_connection(now, EventKind::kRoamed, customer, name, to_string(*was), to_string(*is));
    if (is_up && had_been_up && after.activity.rekeys > before.activity.rekeys)
        record_connection(now, EventKind::kRekeyed, customer, name);
    if (after.activity.failures <= before.activity.failures || after.activity.last_failure.empty()) return;
    const bool was_quiet = now.instant - std::exchange(entry.last_failure, now.instant) >= kQuiet;
    if (!was_quiet || entry.failure_told == after.activity.last_failure) return;
    entry.failure_told = after.activity.last_failure;
    const bool is_auth = entry.failure_told == name_of(DropReason::kIkeAuthFailed);
    record_connection(now, is_auth ? EventKind::kAuthFailed : EventKind::kConnectFailed, customer, name, {}, {},
                      entry.failure_told);
}

void Census::finish_connections(CustomerEntry& customer, std::int64_t wall_seconds) {
    for (auto& [name, connection] : customer.connections) {
        if (connection.seen != round_ && connection.rates != Rates{}) {
            connection.rates = {};
            connection.tick = tick_;
        }
        if (connection.series == nullptr && connection.rates != Rates{} && peer_series_ < kMaxPeerSeries) {
            connection.series = std::make_unique<Series>();
            ++peer_series_;
        }
        if (connection.series != nullptr)
            connection.series->add(wall_seconds, {static_cast<float>(connection.rates.inbound),
                                                  static_cast<float>(connection.rates.outbound)});
    }
}

void Census::remove_absent_connections(Now now, CustomerEntry& customer) {
    for (auto connection = customer.connections.begin(); connection != customer.connections.end();) {
        if (connection->second.seen == round_) {
            ++connection;
            continue;
        }
        record_connection(now, EventKind::kRemoved, customer, connection->first);
        if (connection->second.series != nullptr) --peer_series_;
        customer.config_tick = tick_;
        connection = customer.connections.erase(connection);
    }
}

}  // namespace warren::web
