#include "vpnd/counters.h"

#include <algorithm>
#include <utility>

namespace warren::vpnd {

namespace {

Counters::Drops drops_of(const io::CustomerReport& report) {
    Counters::Drops out{};
    std::copy_n(report.drops.begin(), std::min(report.drops.size(), out.size()), out.begin());
    return out;
}

}  // namespace

Counters::Counters(io::ControlWorker& control) : control_(control), workers_(control.worker_count()) {}

Counters::Ticket Counters::refresh(Now now, std::span<const HeldCustomer* const> customers) {
    for (const HeldCustomer* customer : customers) {
        Kept& kept = customers_[customer->index];
        if (now.instant - kept.asked < kFresh) continue;
        kept.asked = now.instant;
        auto report = std::make_unique<io::CustomerReport>();
        report->peers.reserve(customer->peers.size());
        for (const HeldPeer& peer : customer->peers) report->peers.push_back({peer.index});
        ask(customer->worker, customer->index, std::move(report));
    }
    if (now.instant - own_asked_ >= kFresh) {
        own_asked_ = now.instant;
        for (std::uint32_t worker = 0; worker < control_.worker_count(); ++worker) {
            own_tickets_[last_ + 1] = worker;
            ask(worker, CustomerIndex{}, std::make_unique<io::CustomerReport>());
        }
    }
    return last_;
}

void Counters::ask(std::uint32_t worker, CustomerIndex customer, std::unique_ptr<io::CustomerReport> report) {
    report->customer = customer;
    report->token = ++last_;
    report->drops.resize(dataplane::kDropReasonCount);
    asked_.insert(last_);
    control_.post(worker, io::FillReport{std::move(report)});
}

void Counters::take(std::unique_ptr<io::CustomerReport> report) {
    asked_.erase(report->token);
    if (const auto own = own_tickets_.find(report->token); own != own_tickets_.end()) {
        workers_[own->second] = {drops_of(*report), report->handovers, report->processor};
        own_tickets_.erase(own);
        return;
    }
    const auto found = customers_.find(report->customer);
    if (found == customers_.end()) return;  // forgotten meanwhile
    found->second.report = std::move(report);
}

io::PeerCounters Counters::peer(CustomerIndex customer, std::size_t position, PeerIndex peer) const {
    const auto found = customers_.find(customer);
    if (found == customers_.end() || found->second.report == nullptr) return {peer};
    const auto& rows = found->second.report->peers;
    // Rows were asked for in the order of the customer's peers, so it is there unless the peers changed since.
    if (position < rows.size() && rows[position].peer == peer) return rows[position];
    const auto row = std::find_if(rows.begin(), rows.end(), [peer](const io::PeerCounters& candidate) { return candidate.peer == peer; });
    return row == rows.end() ? io::PeerCounters{peer} : *row;
}

Counters::Drops Counters::drops(CustomerIndex customer) const {
    const auto found = customers_.find(customer);
    return found == customers_.end() || found->second.report == nullptr ? Drops{} : drops_of(*found->second.report);
}

dataplane::Meters Counters::meters(CustomerIndex customer) const {
    const auto found = customers_.find(customer);
    return found == customers_.end() || found->second.report == nullptr ? dataplane::Meters{} : found->second.report->meters;
}

Counters::Drops Counters::own_drops() const {
    Drops sum{};
    for (const Worker& worker : workers_) {
        for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += worker.drops[i];
    }
    return sum;
}

}  // namespace warren::vpnd
