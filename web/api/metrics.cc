#include "web/api/metrics.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <vector>

namespace warren::web {

namespace {

// Escapes backslash, quote and line feed in a label's value (Prometheus text format).
std::string escaped(std::string_view text) {
    std::string out;
    for (const char c : text) {
        if (c == '\\' || c == '"') out += '\\';
        if (c == '\n') {
            out += "\\n";
        } else {
            out += c;
        }
    }
    return out;
}

struct Writer {
    std::string out;

    void family(std::string_view name, std::string_view type, std::string_view help) {
        fmt::format_to(std::back_inserter(out), "# HELP {0} {2}\n# TYPE {0} {1}\n", name, type, help);
    }
    template <typename Value>
    void one(std::string_view name, const std::string& labels, Value value) {
        fmt::format_to(std::back_inserter(out), "{}{} {}\n", name, labels, value);
    }
};

struct Row {
    std::string labels;
    const PeerEntry* peer;
};
struct ConnectionRow {
    std::string labels;
    const ConnectionEntry* connection;
};

// `labels` with one more.
std::string with_label(const std::string& labels, std::string_view name, std::string_view value) {
    return fmt::format("{},{}=\"{}\"}}", labels.substr(0, labels.size() - 1), name, escaped(value));
}

void write_peers(Writer& writer, const std::vector<Row>& rows) {
    writer.family("wireguard_peer_last_handshake_seconds", "gauge",
                  "Time of the last handshake, seconds since 1970; 0 = never.");
    for (const Row& row : rows)
        writer.one("wireguard_peer_last_handshake_seconds", row.labels,
                   row.peer->shown.activity.latest_handshake.nanoseconds / 1'000'000'000);
    writer.family("wireguard_peer_received_bytes_total", "counter",
                  "Bytes received from the peer, counted as wg show does.");
    for (const Row& row : rows)
        writer.one("wireguard_peer_received_bytes_total", row.labels, row.peer->shown.activity.rx_bytes);
    writer.family("wireguard_peer_transmit_bytes_total", "counter", "Bytes sent to the peer, counted as wg show does.");
    for (const Row& row : rows)
        writer.one("wireguard_peer_transmit_bytes_total", row.labels, row.peer->shown.activity.tx_bytes);
    writer.family("wireguard_peer_up", "gauge", "1 if there is a session.");
    for (const Row& row : rows)
        writer.one("wireguard_peer_up", row.labels, row.peer->state == ipc::PeerState::kOnline ? 1 : 0);
}

void write_connections(Writer& writer, const std::vector<ConnectionRow>& rows) {
    const auto each = [&](std::string_view name, std::string_view type, std::string_view help, auto value) {
        writer.family(name, type, help);
        for (const ConnectionRow& row : rows) writer.one(name, row.labels, value(*row.connection));
    };
    each("ipsec_connection_up", "gauge", "1 if the connection is up.",
         [](const ConnectionEntry& one) { return one.shown.state == ipc::ConnectionState::kUp ? 1 : 0; });
    each("ipsec_connection_sessions", "gauge", "IKE_SAs of the connection that are up.",
         [](const ConnectionEntry& one) { return one.shown.sessions; });
    each("ipsec_connection_last_handshake_seconds", "gauge",
         "Time when an SA of the connection was made last, seconds since 1970; 0 = never.",
         [](const ConnectionEntry& one) { return one.shown.activity.latest_handshake.nanoseconds / 1'000'000'000; });
    each("ipsec_connection_received_bytes_total", "counter", "Bytes of ESP received, headers included.",
         [](const ConnectionEntry& one) { return one.shown.activity.rx_bytes; });
    each("ipsec_connection_transmit_bytes_total", "counter", "Bytes of ESP sent, headers included.",
         [](const ConnectionEntry& one) { return one.shown.activity.tx_bytes; });
    each("ipsec_connection_failures_total", "counter", "Attempts to bring the connection up that failed.",
         [](const ConnectionEntry& one) { return one.shown.activity.failures; });
    writer.family("warren_connection_down", "gauge",
                  "1 for a connection that was up and is not, or whose last attempt failed, with the reason.");
    for (const ConnectionRow& row : rows) {
        if (!is_lost(*row.connection)) continue;
        writer.one("warren_connection_down", with_label(row.labels, "reason", reason_of(*row.connection)), 1);
    }
}

// Those that were up and are not; the reason as vpnd has it.
void write_down(Writer& writer, const std::vector<const CustomerEntry*>& customers, const std::vector<Row>& rows) {
    writer.family("warren_peer_down", "gauge", "1 for a peer that had a session and has none, with the reason.");
    for (const Row& row : rows) {
        if (row.peer->state != ipc::PeerState::kIdle) continue;
        writer.one("warren_peer_down", with_label(row.labels, "reason", row.peer->shown.activity.lost_because), 1);
    }
    writer.family("warren_customer_down", "gauge",
                  "1 for a customer of whom peers or connections were up and none is.");
    for (const CustomerEntry* customer : customers) {
        if (customer->state != CustomerState::kDown) continue;
        std::string reason;
        for (const auto& [name, peer] : customer->peers) {
            if (peer.state == ipc::PeerState::kIdle) reason = peer.shown.activity.lost_because;
        }
        for (const auto& [name, connection] : customer->connections) {
            if (is_lost(connection)) reason = reason_of(connection);
        }
        writer.one(
            "warren_customer_down",
            fmt::format("{{customer=\"{}\",reason=\"{}\"}}", escaped(customer->shown.settings.id), escaped(reason)), 1);
    }
}

void write_customers(Writer& writer, const std::vector<const CustomerEntry*>& customers) {
    const auto each = [&](std::string_view name, std::string_view type, std::string_view help, auto value) {
        writer.family(name, type, help);
        for (const CustomerEntry* customer : customers)
            writer.one(name, fmt::format("{{customer=\"{}\"}}", escaped(customer->shown.settings.id)),
                       value(*customer));
    };
    each("warren_customer_peers", "gauge", "Configured peers of the customer.",
         [](const CustomerEntry& one) { return one.counts.total(); });
    each("warren_customer_peers_online", "gauge", "Peers with a session.",
         [](const CustomerEntry& one) { return one.counts.online; });
    each("warren_customer_connections", "gauge", "Configured IPsec connections of the customer.",
         [](const CustomerEntry& one) { return one.connection_counts.total(); });
    each("warren_customer_connections_up", "gauge", "IPsec connections that are up.",
         [](const CustomerEntry& one) { return one.connection_counts.up; });
    each("warren_customer_connections_unserved", "gauge", "IPsec connections that this version does not serve.",
         [](const CustomerEntry& one) { return one.connection_counts.unserved; });
    each("warren_customer_received_bytes_total", "counter", "Bytes received from the customer's peers.",
         [](const CustomerEntry& one) { return one.shown.activity.rx_bytes; });
    each("warren_customer_transmit_bytes_total", "counter", "Bytes sent to the customer's peers.",
         [](const CustomerEntry& one) { return one.shown.activity.tx_bytes; });
    each("warren_customer_parked", "gauge", "1 while the customer has no stack until a packet needs one.",
         [](const CustomerEntry& one) { return one.shown.activity.is_parked ? 1 : 0; });
    each("warren_customer_dropped_packets_total", "counter", "Packets dropped, for any reason.",
         [](const CustomerEntry& one) { return one.drops_total; });
}

void write_processor(Writer& writer, const ipc::SnapshotHeader& header) {
    const auto seconds = [](std::uint64_t nanoseconds) { return static_cast<double>(nanoseconds) / 1e9; };
    writer.family("warren_vpnd_cpu_seconds_total", "counter", "CPU time of vpnd, user and system, all threads.");
    writer.one("warren_vpnd_cpu_seconds_total", {}, seconds(header.cpu_nanoseconds));
    if (header.resident_bytes != 0) {
        writer.family("warren_vpnd_resident_memory_bytes", "gauge", "Resident memory of vpnd.");
        writer.one("warren_vpnd_resident_memory_bytes", {}, header.resident_bytes);
    }
    writer.family("warren_worker_cpu_seconds_total", "counter",
                  "CPU time of a data worker of vpnd; part of the CPU time of the process.");
    for (std::size_t i = 0; i < header.workers.size(); ++i)
        writer.one("warren_worker_cpu_seconds_total", fmt::format("{{worker=\"{}\"}}", i),
                   seconds(header.workers[i].cpu_nanoseconds));
}

void write_ike(Writer& writer, const ipc::SnapshotHeader& header) {
    const auto one = [&writer](std::string_view name, std::string_view help, std::uint64_t value) {
        writer.family(name, "gauge", help);
        writer.one(name, {}, value);
    };
    one("ipsec_ike_sas", "Established IKE_SAs.", header.ike_sas);
    one("ipsec_child_sas", "CHILD_SAs, those that are being replaced included.", header.child_sas);
    one("ipsec_half_open", "IKE_SAs whose peer has not shown who it is yet.", header.half_open_ike_sas);
    writer.family("ipsec_ike_failures_total", "counter", "Messages and attempts that IKE refused, by reason.");
    for (const auto& [reason, count] : header.drops) {
        if (reason.starts_with("ike_"))
            writer.one("ipsec_ike_failures_total", fmt::format("{{reason=\"{}\"}}", escaped(reason)), count);
    }
}

void write_appliance(Writer& writer, const Census& census, const SystemFacts& facts, const Viewer& viewer, Now now) {
    const ipc::SnapshotHeader& header = census.header();
    const auto one = [&](std::string_view name, std::string_view type, std::string_view help, auto value) {
        writer.family(name, type, help);
        writer.one(name, {}, value);
    };
    one("warren_vpnd_up", "gauge", "1 if vpnd answers.",
        census.has_snapshot() && !census.is_stale(now.instant) ? 1 : 0);
    const auto findings = findings_of(census, facts, viewer, now);
    const bool is_ready = std::none_of(findings.begin(), findings.end(),
                                       [](const auto& found) { return health::is_unready(found.kind); });
    one("warren_healthy", "gauge", "1 if nothing needs a person.", findings.empty() ? 1 : 0);
    one("warren_ready", "gauge", "1 if everything is served as configured, as /readyz reports.", is_ready ? 1 : 0);
    writer.family("warren_findings", "gauge", "What needs a person, by kind; at most 100 in all.");
    for (std::size_t i = 0; i < health::kKinds; ++i) {
        const auto kind = static_cast<health::Kind>(i);
        writer.one(
            "warren_findings", fmt::format("{{kind=\"{}\"}}", name_of(kind)),
            std::count_if(findings.begin(), findings.end(), [&](const auto& found) { return found.kind == kind; }));
    }
    one("warren_generation", "gauge", "Generation of the configuration in force.", header.generation);
    one("warren_under_load", "gauge", "1 if handshakes need a cookie first.", header.under_load ? 1 : 0);
    one("warren_handshakes_initiated_total", "counter", "Handshakes started by either side.",
        header.handshakes_initiated);
    one("warren_handshakes_completed_total", "counter", "Handshakes that created a session.",
        header.handshakes_completed);
    if (header.has_ike) write_ike(writer, header);
    write_processor(writer, header);
    one("warren_past_kept", "gauge", "1 if what happens is kept on disk, for later.",
        facts.has_past && facts.past_problem.empty() ? 1 : 0);
    one("warren_statusd_viewers", "gauge", "Open event streams.", facts.viewers);
    one("warren_statusd_memory_bytes", "gauge", "Resident memory of statusd.", facts.memory_bytes);
    std::map<std::string, std::uint64_t> drops(header.drops.begin(), header.drops.end());
    for (const auto& [id, customer] : census.customers()) {
        for (const auto& [reason, packets] : customer.shown.activity.drops) drops[reason] += packets;
    }
    writer.family("warren_dropped_packets_total", "counter", "Packets dropped, by reason, over all customers.");
    for (const auto& [reason, packets] : drops)
        writer.one("warren_dropped_packets_total", fmt::format("{{reason=\"{}\"}}", escaped(reason)), packets);
}

}  // namespace

std::string metrics_text(const Census& census, const SystemFacts& facts, const Viewer& viewer, Now now) {
    std::vector<const CustomerEntry*> customers;
    std::vector<Row> rows;
    std::vector<ConnectionRow> connections;
    std::size_t left_out = 0;
    for (const auto& [id, customer] : census.customers()) {
        if (!viewer.may_see(id)) continue;
        customers.push_back(&customer);
        for (const auto& [name, peer] : customer.peers) {
            if (rows.size() >= kMaxMetricPeers) {
                ++left_out;
                continue;
            }
            rows.push_back({fmt::format("{{customer=\"{}\",peer=\"{}\"}}", escaped(id), escaped(name)), &peer});
        }
        for (const auto& [name, one] : customer.connections) {
            if (rows.size() + connections.size() >= kMaxMetricPeers) {
                ++left_out;
                continue;
            }
            connections.push_back(
                {fmt::format("{{customer=\"{}\",connection=\"{}\"}}", escaped(id), escaped(name)), &one});
        }
    }
    Writer writer;
    write_peers(writer, rows);
    if (!connections.empty()) write_connections(writer, connections);
    write_customers(writer, customers);
    write_down(writer, customers, rows);
    writer.family("warren_metrics_peers_left_out", "gauge",
                  "Peers and connections without metrics of their own, because there are too many.");
    writer.one("warren_metrics_peers_left_out", {}, left_out);
    if (viewer.sees_all()) write_appliance(writer, census, facts, viewer, now);
    return writer.out;
}

}  // namespace warren::web
