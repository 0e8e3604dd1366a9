// What the data workers counted, asked for when somebody wants to know and kept for a moment.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <span>
#include <unordered_map>
#include <vector>

#include "base/drop_reason.h"
#include "base/time.h"
#include "vpnd/customers/customer_set.h"
#include "vpnd/io/control_worker.h"
#include "vpnd/show/usage_source.h"

namespace warren::vpnd {

// Asks the data workers at most once in kFresh for each customer, however many ask. One thread.
class Counters : public UsageSource {
  public:
    static constexpr Duration kFresh = std::chrono::milliseconds(50);
    using Drops = DataPlaneDrops::Counts;
    // What a data worker counts that is no customer's.
    struct Worker {
        Drops drops{};  // before a customer was known
        io::TransferCounters transfers;
        Duration processor{};
    };

    Counters(io::ControlWorker& control, const CustomerSet& customers);

    // Asks for the counters of these customers, and for the workers' own, unless they are fresh. ready(ticket) tells
    // when they are here.
    [[nodiscard]] Ticket refresh(Now now, std::span<const HeldCustomer* const> customers);
    [[nodiscard]] Ticket refresh_workers(Now now) override;
    [[nodiscard]] Ticket refresh_touched(Now now, std::span<const HeldCustomer* const> customers) override;
    [[nodiscard]] bool ready(Ticket ticket) const override { return asked_.empty() || *asked_.begin() > ticket; }
    // A report that a data worker has filled.
    void store(std::unique_ptr<io::CustomerReport> report);
    void forget(CustomerIndex customer) { customers_.erase(customer); }
    void note_change(CustomerIndex customer) override { customers_[customer].mark = ++last_mark_; }
    [[nodiscard]] std::uint64_t mark(CustomerIndex customer) const override;
    [[nodiscard]] bool is_current(const HeldCustomer& customer) const override;

    [[nodiscard]] io::PeerCounters peer(CustomerIndex customer, std::size_t position, PeerIndex peer) const override;
    [[nodiscard]] io::PeerCounters connection_peer(CustomerIndex customer, PeerIndex peer) const override;
    [[nodiscard]] dataplane::Meters queue_meters(CustomerIndex customer, std::size_t queue) const override;
    // As of the last answer; zeros when there was none.
    [[nodiscard]] Drops drops(CustomerIndex customer) const;
    [[nodiscard]] dataplane::Meters meters(CustomerIndex customer) const;
    // Before a customer was known, over all data workers.
    [[nodiscard]] Drops own_drops() const;
    // By number.
    [[nodiscard]] const std::vector<Worker>& workers() const { return workers_; }

  private:
    struct Kept {
        Instant asked = kLongAgo;
        bool is_touched = true;  // since it was asked for
        std::uint64_t mark = 0;
        std::uint64_t put = 0;                                     // HeldCustomer::put, which `rows` are of
        Ticket first = 0;                                          // asked for as of `put`; those before are of another
        std::unordered_map<PeerIndex, std::size_t> rows;           // of the connections' peers in a report
        std::vector<std::unique_ptr<io::CustomerReport>> reports;  // by queue of its TUN; null before the first answer
    };
    void request(std::uint32_t worker, CustomerIndex customer, std::unique_ptr<io::CustomerReport> report);
    void request(const HeldCustomer& customer, std::size_t queue);
    void request(Now now, const HeldCustomer& customer, Kept& kept);
    static void place_rows(const HeldCustomer& customer, Kept& kept);

    void for_each_report(CustomerIndex customer, const std::function<void(const io::CustomerReport&)>& use) const;

    io::ControlWorker& control_;
    const CustomerSet& customer_set_;
    std::unordered_map<CustomerIndex, Kept> customers_;
    std::vector<Worker> workers_;
    Instant own_asked_ = kLongAgo;
    Ticket last_ = 0;
    std::uint64_t last_mark_ = 0;
    std::set<Ticket> asked_;                                 // on their way
    std::unordered_map<Ticket, std::uint32_t> own_tickets_;  // which worker's own
};

}  // namespace warren::vpnd
