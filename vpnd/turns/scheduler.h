// Whose packets are next, when several customers have some: deficit round robin by processor time.
#pragma once

#include <cstdint>
#include <vector>

#include "base/ids.h"
#include "base/time.h"

namespace warren::dataplane {

// Each customer with work gets kQuantum times its share of processor time a round. What a piece of work takes is known
// only afterwards, so a customer that took too long owes the difference and is passed over until it is paid. A
// customer that becomes active is served before the already active ones, once per round: so a little traffic does not
// wait for much traffic of others. When nobody has work all debts are void. No allocation in steady state; every call
// takes constant time, apart from debts. One data worker. Source: M. Shreedhar, G. Varghese, "Efficient Fair Queueing
// using Deficit Round Robin", 1995; the two lists are those of RFC 8290 §4.
class Scheduler {
  public:
    static constexpr Duration kQuantum = std::chrono::microseconds(30);  // about one train
    // No more is owed: the clock also runs while the machine stands still.
    static constexpr Duration kMostOwed = std::chrono::milliseconds(20);
    // Of each round's quantum, what charge() may take: a customer that receives more than its share can pay for is
    // still served.
    static constexpr Duration kMostCharged = kQuantum / 2;

    // At least 1. Known from then on.
    void set_share(CustomerIndex customer, std::uint32_t share);
    // It has no work any more, and no share.
    void forget(CustomerIndex customer);
    // It has work. Known customers only.
    void wake(CustomerIndex customer);

    [[nodiscard]] bool idle() const { return working_ == 0; }
    // Exactly one customer has work.
    [[nodiscard]] bool is_for_one() const { return working_ == 1; }
    struct Turn {
        CustomerIndex customer;
        Duration allowance;  // more than zero
    };
    // Whose turn it is; not when idle. To be ended before the next one.
    [[nodiscard]] Turn next();
    void end(const Turn& turn, Duration used, bool has_more_work);
    // Time that went into its packets outside of a turn, whether they were wanted or not. Unknown customers are
    // ignored.
    void charge(CustomerIndex customer, Duration used);

  private:
    static constexpr std::uint32_t kNone = UINT32_MAX;

    struct Entry {
        std::uint32_t share = 0;
        std::uint32_t next = kNone;
        Duration deficit{};
        Duration charged{};             // since its latest quantum
        std::uint32_t busy_period = 0;  // is in a list when it is the present one and `listed`
        bool listed = false;
        bool has_work = false;
    };
    // Linked through Entry::next.
    struct List {
        std::uint32_t first = kNone;
        std::uint32_t last = kNone;
    };

    [[nodiscard]] bool is_listed(const Entry& entry) const { return entry.listed && entry.busy_period == busy_period_; }
    static void replenish(Entry& entry);
    void append(List& list, std::uint32_t index);
    std::uint32_t pop_first(List& list);
    static void owe(Entry& entry, Duration used);
    void set_idle(Entry& entry);

    std::vector<Entry> entries_;  // by CustomerIndex
    List fresh_;                  // began to have work
    List steady_;
    std::size_t working_ = 0;  // entries with work
    std::uint32_t busy_period_ = 1;
};

}  // namespace warren::dataplane
