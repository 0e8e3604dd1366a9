#include "vpnd/show/counters.h"

#include <algorithm>
#include <utility>

namespace warren::vpnd {

namespace {

Counters::Drops drops_of(const io::CustomerReport& report) {
    Counters::Drops out{};
    std::copy_n(report.drops.begin(), std::min(report.drops.size(), out.size()), out.begin());
    return out;
}

void add(Counters::Drops& sum, const Counters::Drops& more) {
    for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += more[i];
}

void add(dataplane::Meter& sum, const dataplane::Meter& more) {
    sum.bytes += more.bytes;
    sum.packets += more.packets;
    sum.processor += more.processor;
}

io::PeerCounters row_of(const io::CustomerReport& report, std::size_t position, PeerIndex peer) {
    const auto& rows = report.peers;
    // Rows were asked for in the order of the customer's peers, so it is there unless the peers changed since.
    if (position < rows.size() && rows[position].peer == peer) return rows[position];
    const auto row = std::find_if(rows.begin(), rows.end(),
                                  [peer](const io::PeerCounters& candidate) { return candidate.peer == peer; });
    return row == rows.end() ? io::PeerCounters{peer} : *row;
}

}  // namespace

Counters::Counters(io::ControlWorker& control, const CustomerSet& customers)
    : control_(control), customer_set_(customers), workers_(control.worker_count()) {}

Counters::Ticket Counters::refresh(Now now, std::span<const HeldCustomer* const> customers) {
    for (const HeldCustomer* customer : customers) request(now, *customer, customers_[customer->index]);
    return refresh_workers(now);
}

Counters::Ticket Counters::refresh_touched(Now now, std::span<const HeldCustomer* const> customers) {
    for (const HeldCustomer* customer : customers) {
        if (Kept& kept = customers_[customer->index]; kept.is_touched || kept.put != customer->put)
            request(now, *customer, kept);
    }
    return last_;
}

Counters::Ticket Counters::refresh_workers(Now now) {
    if (now.instant - own_asked_ < kFresh) return last_;
    own_asked_ = now.instant;
    for (std::uint32_t worker = 0; worker < control_.worker_count(); ++worker) {
        own_tickets_[last_ + 1] = worker;
        auto report = std::make_unique<io::CustomerReport>();
        report->touched.reserve(customer_set_.customers().size());
        request(worker, CustomerIndex{}, std::move(report));
    }
    return last_;
}

void Counters::request(Now now, const HeldCustomer& customer, Kept& kept) {
    if (now.instant - kept.asked < kFresh && kept.put == customer.put) return;
    kept.asked = now.instant;
    kept.is_touched = false;
    kept.reports.resize(customer.workers.size());
    if (kept.put != customer.put) {
        place_rows(customer, kept);
        kept.first = last_ + 1;
    }
    for (std::size_t queue = 0; queue < customer.workers.size(); ++queue) request(customer, queue);
}

// A report has the customer's peers first, then those of its connections.
void Counters::place_rows(const HeldCustomer& customer, Kept& kept) {
    kept.put = customer.put;
    kept.rows.clear();
    std::size_t row = customer.peers.size();
    for (const HeldConnection& connection : customer.connections) {
        for (const PeerIndex peer : connection.peers) kept.rows[peer] = row++;
    }
}

void Counters::request(const HeldCustomer& customer, std::size_t queue) {
    auto report = std::make_unique<io::CustomerReport>();
    report->queue = queue;
    report->peers.reserve(customer.peers.size());
    for (const HeldPeer& peer : customer.peers) report->peers.push_back({peer.index});
    for (const HeldConnection& connection : customer.connections) {
        for (const PeerIndex peer : connection.peers) report->peers.push_back({peer});
    }
    request(customer.workers[queue], customer.index, std::move(report));
}

void Counters::request(std::uint32_t worker, CustomerIndex customer, std::unique_ptr<io::CustomerReport> report) {
    report->customer = customer;
    report->token = ++last_;
    report->drops.resize(kDataPlaneReasonCount);
    asked_.insert(last_);
    control_.post(worker, io::FillReport{std::move(report)});
}

void Counters::store(std::unique_ptr<io::CustomerReport> report) {
    asked_.erase(report->token);
    if (const auto own = own_tickets_.find(report->token); own != own_tickets_.end()) {
        workers_[own->second] = {drops_of(*report), report->transfers, report->processor};
        for (const CustomerIndex customer : report->touched) {
            if (const auto kept = customers_.find(customer); kept != customers_.end()) kept->second.is_touched = true;
        }
        own_tickets_.erase(own);
        return;
    }
    const auto found = customers_.find(report->customer);
    if (found == customers_.end() || report->queue >= found->second.reports.size()) return;  // forgotten meanwhile
    found->second.mark = ++last_mark_;
    found->second.reports[report->queue] = std::move(report);
}

std::uint64_t Counters::mark(CustomerIndex customer) const {
    const auto found = customers_.find(customer);
    return found == customers_.end() ? 0 : found->second.mark;
}

bool Counters::is_current(const HeldCustomer& customer) const {
    const auto found = customers_.find(customer.index);
    if (found == customers_.end() || found->second.put != customer.put) return false;
    const Kept& kept = found->second;
    return kept.reports.size() == customer.workers.size() &&
           std::all_of(kept.reports.begin(), kept.reports.end(),
                       [&](const auto& report) { return report != nullptr && report->token >= kept.first; });
}

// One worker has the peer; the others' rows of it are zero.
io::PeerCounters Counters::peer(CustomerIndex customer, std::size_t position, PeerIndex peer) const {
    io::PeerCounters sum{peer};
    for_each_report(customer, [&](const io::CustomerReport& report) {
        const io::PeerCounters row = row_of(report, position, peer);
        sum.rx_bytes += row.rx_bytes;
        sum.tx_bytes += row.tx_bytes;
        sum.rx_packets += row.rx_packets;
        sum.tx_packets += row.tx_packets;
        sum.own_rx_bytes += row.own_rx_bytes;
        sum.own_tx_bytes += row.own_tx_bytes;
        sum.data_received = std::max(sum.data_received, row.data_received);
        sum.data_sent = std::max(sum.data_sent, row.data_sent);
        sum.sources_refused += row.sources_refused;
        if (row.sources_refused > 0) sum.source_refused = row.source_refused;
    });
    return sum;
}

io::PeerCounters Counters::connection_peer(CustomerIndex customer, PeerIndex peer) const {
    const auto found = customers_.find(customer);
    if (found == customers_.end()) return {peer};
    const auto row = found->second.rows.find(peer);
    return row == found->second.rows.end() ? io::PeerCounters{peer} : this->peer(customer, row->second, peer);
}

Counters::Drops Counters::drops(CustomerIndex customer) const {
    Drops sum{};
    for_each_report(customer, [&](const io::CustomerReport& report) { add(sum, drops_of(report)); });
    return sum;
}

dataplane::Meters Counters::meters(CustomerIndex customer) const {
    dataplane::Meters sum;
    for_each_report(customer, [&](const io::CustomerReport& report) {
        add(sum.inbound, report.meters.inbound);
        add(sum.outbound, report.meters.outbound);
    });
    return sum;
}

dataplane::Meters Counters::queue_meters(CustomerIndex customer, std::size_t queue) const {
    const auto found = customers_.find(customer);
    if (found == customers_.end() || queue >= found->second.reports.size()) return {};
    const auto& report = found->second.reports[queue];
    return report == nullptr ? dataplane::Meters{} : report->meters;
}

void Counters::for_each_report(CustomerIndex customer,
                               const std::function<void(const io::CustomerReport&)>& use) const {
    const auto found = customers_.find(customer);
    if (found == customers_.end()) return;
    for (const auto& report : found->second.reports) {
        if (report != nullptr) use(*report);
    }
}

Counters::Drops Counters::own_drops() const {
    Drops sum{};
    for (const Worker& worker : workers_) add(sum, worker.drops);
    return sum;
}

}  // namespace warren::vpnd
