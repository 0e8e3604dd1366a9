// Counts what each customer, peer and connection used in this month, beyond the end of this process, and finds out
// whose quota is spent.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/renames.h"
#include "ipc/limits.h"
#include "vpnd/customers/customer_set.h"
#include "vpnd/show/usage_source.h"
#include "vpnd/usage/usage_file.h"

namespace warren::vpnd {

// Once a second it asks the data workers for the counters of customers that had packets, some customers at a time, and
// adds what is new to the records of the month. One thread; the references outlive it.
class UsageBook {
  public:
    static constexpr Duration kInterval = std::chrono::seconds(1);
    static constexpr Duration kExpiryInterval = std::chrono::seconds(10);  // of looking for peers that expire soon
    static constexpr std::chrono::days kSoon{14};
    static constexpr unsigned kNearlyPercent = 80;

    UsageBook(UsageSource& counters, const CustomerSet& customers) : counters_(counters), customers_(customers) {}

    // The file of a month. It is used while that is the present one, also when that comes or comes back later.
    void keep_in(Now now, Month month, UniqueFd file);
    // Before a generation that renames customers is carried out.
    void rename(Now now, const std::vector<Rename>& renames);
    // What they used goes on when they come back, with one of their keys; another customer of the id begins at zero.
    void note_departed(std::vector<Changes::Departed>&& departed);
    // Nobody has this index any more: who has it next is counted from zero.
    void forget(PeerIndex peer);

    // Does a bounded share of what is due. The customers of which a quota is spent, or is no more, are appended.
    void run(Now now, std::vector<CustomerSet::Spent>& out);
    [[nodiscard]] Instant next_deadline() const {
        if (!is_counting_) return due_;
        return counters_.ready(ticket_) ? kLongAgo : kNever;  // the answer of a data worker wakes us
    }
    // Before the end: what was counted is written.
    void flush();

    // Zeros when nothing was counted yet. `peer`: or a connection; "": all of the customer.
    [[nodiscard]] ipc::MonthUsage of(std::string_view customer, std::string_view peer) const;

  private:
    struct Bytes {
        std::uint64_t rx = 0;
        std::uint64_t tx = 0;
    };
    struct Seen {
        std::size_t place = SIZE_MAX;  // its record
        std::uint64_t put = 0;         // HeldCustomer::put for which `place` is right
        Bytes bytes;
    };
    struct SeenCustomer {
        std::uint64_t life = 0;
        std::uint64_t put = 0;
        std::uint64_t mark = 0;
        Seen all;
        // By queue of its TUN: a worker that has the customer no more takes its own along.
        std::vector<Bytes> queues;
    };
    struct OtherFile {
        Month month = 0;
        UniqueFd file;
    };
    static constexpr std::size_t kMostOthers = 3;

    void begin_month(Now now);
    void use(UniqueFd file);
    void keep_for_later(OtherFile other);
    void look_again();
    void begin_round(Now now);
    void count(const HeldCustomer& customer, std::vector<CustomerSet::Spent>& out);
    // What another customer used that had its id before is that one's.
    void take_id(const HeldCustomer& customer);
    // What is new since this was asked last of the same.
    [[nodiscard]] static Bytes news(Bytes& seen, Bytes counted);
    // What is new of a peer of the data plane.
    [[nodiscard]] Bytes news(PeerIndex peer, const io::PeerCounters& counted);
    // Adds it to the record of this name; true: its quota is spent.
    [[nodiscard]] bool add(const HeldCustomer& customer, std::string_view name, Bytes bytes, std::uint64_t quota,
                           Seen* seen);
    // Whether the quota of this record is spent. Says so in the log, once.
    [[nodiscard]] bool is_spent(const HeldCustomer& customer, std::size_t place, std::uint64_t quota);
    void tell_expiries(Now now);
    void write();

    UsageSource& counters_;
    const CustomerSet& customers_;
    UsageFile file_;
    std::vector<OtherFile> others_;  // of months that may come, or come back: the wall clock is set now and then
    Instant due_ = kLongAgo;
    Instant expiries_due_ = kLongAgo;
    bool is_counting_ = false;
    std::vector<CustomerIndex> round_;
    std::size_t counted_ = 0;    // of the round
    std::size_t refreshed_ = 0;  // likewise
    UsageSource::Ticket ticket_ = 0;
    std::unordered_map<CustomerIndex, SeenCustomer> seen_customers_;
    std::unordered_map<std::string, Changes::Departed> departed_;  // by id, of this month
    WallTime wall_;                                                // of the last run()
    std::vector<Seen> seen_;                                       // by PeerIndex
    bool has_failed_ = false;
    bool is_full_ = false;
};

}  // namespace warren::vpnd
