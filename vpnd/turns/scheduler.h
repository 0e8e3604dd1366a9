// Whose packets are next, when several customers have some: deficit round robin by processor time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/time.h"
#include "vpnd/turns/share_group.h"

namespace warren::dataplane {

// Each customer with work gets kQuantum times its share of processor time a round. What a piece of work takes is known
// only afterwards, so a customer that took too long owes the difference and is passed over until it is paid. A
// customer that becomes active is served before the already active ones, once per round: so a little traffic does not
// wait for much traffic of others. When nobody has work all debts are void.
//
// The customers of a group (a reseller's) have turns together, by the group's share, and take turns in it by their own;
// a group may be in another one. What is said above is true in each group of the customers and groups that are in it.
//
// No allocation in steady state; every call takes constant time for each level of groups, apart from debts, and from
// customers that come into a group or leave it. One data worker. Source: M. Shreedhar, G. Varghese, "Efficient Fair
// Queueing using Deficit Round Robin", 1995; the two lists are those of RFC 8290 §4.
class Scheduler {
  public:
    static constexpr Duration kQuantum = std::chrono::microseconds(30);  // about one train
    // No more is owed: the clock also runs while the machine stands still.
    static constexpr Duration kMostOwed = std::chrono::milliseconds(20);
    // Of each round's quantum, what charge() may take: a customer that receives more than its share can pay for is
    // still served.
    static constexpr Duration kMostCharged = kQuantum / 2;

    // At least 1. Known from then on. `groups`: the outermost first, each within the one before; the customer's share
    // counts in the last one. A group exists while it has customers, and has the share that was set last.
    void set_share(CustomerIndex customer, std::uint32_t share, std::span<const ShareGroup> groups = {});
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

    [[nodiscard]] std::size_t groups() const { return by_path_.size(); }

  private:
    static constexpr std::uint32_t kNone = UINT32_MAX;
    static constexpr std::uint32_t kIsGroup = std::uint32_t{1} << 31U;  // in an index: of groups_, not of entries_
    static constexpr std::uint32_t kAll = 0;                            // the group of all that are in no other

    // A customer or a group, in the lists of the group that it is in.
    struct Entry {
        std::uint32_t share = 0;
        std::uint32_t next = kNone;
        Duration deficit{};
        Duration charged{};             // since its latest quantum
        std::uint32_t busy_period = 0;  // is in a list when it is the present one of its group and `listed`
        std::uint32_t group = kAll;
        bool listed = false;
        bool has_work = false;
    };
    // Linked through Entry::next.
    struct List {
        std::uint32_t first = kNone;
        std::uint32_t last = kNone;
    };
    struct Group {
        List fresh;  // began to have work
        List steady;
        std::size_t working = 0;  // entries with work
        std::uint32_t busy_period = 1;
        std::size_t members = 0;  // customers and groups; 0: the place is free
        std::string path;
        Entry entry;
    };

    [[nodiscard]] Entry& entry_of(std::uint32_t index) {
        return (index & kIsGroup) == 0 ? entries_[index] : groups_[index & ~kIsGroup].entry;
    }
    [[nodiscard]] bool is_listed(const Entry& entry) const {
        return entry.listed && entry.busy_period == groups_[entry.group].busy_period;
    }
    static void replenish(Entry& entry);
    void append(Group& group, List& list, std::uint32_t index);
    std::uint32_t pop_first(List& list);
    static void owe(Entry& entry, Duration used);
    void charge(Entry& entry, Duration used) const;
    void begin_work(std::uint32_t index);
    void end_work(std::uint32_t index);
    void set_idle(std::uint32_t index);
    [[nodiscard]] std::uint32_t first_of(Group& group);

    [[nodiscard]] std::uint32_t group_of(std::span<const ShareGroup> groups);
    void move(CustomerIndex customer, std::uint32_t to);
    void leave(std::uint32_t group);
    void unlink(std::uint32_t index);

    std::vector<Entry> entries_;          // by CustomerIndex
    std::vector<Group> groups_{Group{}};  // kAll, then those of resellers
    std::vector<std::uint32_t> free_;     // places in groups_
    std::map<std::string, std::uint32_t> by_path_;
    std::size_t working_ = 0;  // customers with work
};

}  // namespace warren::dataplane
