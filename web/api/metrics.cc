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

// Those that were up and are not; the reason as vpnd has it.
void write_down(Writer& writer, const std::vector<const CustomerEntry*>& customers, const std::vector<Row>& rows) {
    writer.family("warren_peer_down", "gauge", "1 for a peer that had a session and has none, with the reason.");
    for (const Row& row : rows) {
        if (row.peer->state != ipc::PeerState::kIdle) continue;
        const std::string labels = row.labels.substr(0, row.labels.size() - 1);
        writer.one("warren_peer_down",
                   fmt::format("{},reason=\"{}\"}}", labels, escaped(row.peer->shown.activity.lost_because)), 1);
    }
    writer.family("warren_customer_down", "gauge", "1 for a customer of whom peers had a session and none has.");
    for (const CustomerEntry* customer : customers) {
        if (customer->state != CustomerState::kDown) continue;
        std::string reason;
        for (const auto& [name, peer] : customer->peers) {
            if (peer.state == ipc::PeerState::kIdle) reason = peer.shown.activity.lost_because;
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
    each("warren_customer_received_bytes_total", "counter", "Bytes received from the customer's peers.",
         [](const CustomerEntry& one) { return one.shown.activity.rx_bytes; });
    each("warren_customer_transmit_bytes_total", "counter", "Bytes sent to the customer's peers.",
         [](const CustomerEntry& one) { return one.shown.activity.tx_bytes; });
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
    write_processor(writer, header);
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
    }
    Writer writer;
    write_peers(writer, rows);
    write_customers(writer, customers);
    write_down(writer, customers, rows);
    writer.family("warren_metrics_peers_left_out", "gauge",
                  "Peers without metrics of their own, because there are too many.");
    writer.one("warren_metrics_peers_left_out", {}, left_out);
    if (viewer.sees_all()) write_appliance(writer, census, facts, viewer, now);
    return writer.out;
}

}  // namespace warren::web
