#include "vpnd/turns/scheduler.h"

#include <algorithm>

#include "base/check.h"

namespace warren::dataplane {

void Scheduler::set_share(CustomerIndex customer, std::uint32_t share) {
    if (customer.value >= entries_.size()) entries_.resize(customer.value + std::size_t{1});
    entries_[customer.value].share = std::max(share, 1U);
}

void Scheduler::forget(CustomerIndex customer) {
    if (customer.value >= entries_.size()) return;
    Entry& entry = entries_[customer.value];
    if (entry.has_work) set_idle(entry);
    entry.share = 1;  // it may still be in a list, and leaves it at its turn
    entry.deficit = entry.charged = Duration::zero();
}

void Scheduler::wake(CustomerIndex customer) {
    Entry& entry = entries_[customer.value];
    if (entry.has_work) return;
    entry.has_work = true;
    ++working_;
    if (is_listed(entry)) return;  // it had work a moment ago
    entry.deficit = Duration::zero();
    replenish(entry);
    append(fresh_, customer.value);
}

Scheduler::Turn Scheduler::next() {
    WARREN_CHECK(!idle());
    for (;;) {
        List& list = fresh_.first != kNone ? fresh_ : steady_;
        const std::uint32_t index = list.first;
        Entry& entry = entries_[index];
        if (entry.deficit <= Duration::zero()) {
            replenish(entry);
            append(steady_, pop_first(list));
        } else if (!entry.has_work) {
            (void)pop_first(list);
        } else {
            return {CustomerIndex{index}, entry.deficit};
        }
    }
}

void Scheduler::end(const Turn& turn, Duration used, bool has_more_work) {
    Entry& entry = entries_[turn.customer.value];
    owe(entry, used);
    if (has_more_work || !entry.has_work) return;
    // From the fresh it goes to the steady first, or it would be fresh again with its next packet.
    if (fresh_.first == turn.customer.value) append(steady_, pop_first(fresh_));
    set_idle(entry);
}

void Scheduler::charge(CustomerIndex customer, Duration used) {
    if (customer.value >= entries_.size() || !is_listed(entries_[customer.value])) return;
    Entry& entry = entries_[customer.value];
    const Duration own = std::clamp(kMostCharged * entry.share - entry.charged, Duration::zero(), used);
    entry.charged += own;
    owe(entry, own);
}

void Scheduler::replenish(Entry& entry) {
    entry.deficit += kQuantum * entry.share;
    entry.charged = Duration::zero();
}

void Scheduler::append(List& list, std::uint32_t index) {
    Entry& entry = entries_[index];
    entry.next = kNone;
    entry.listed = true;
    entry.busy_period = busy_period_;
    (list.first == kNone ? list.first : entries_[list.last].next) = index;
    list.last = index;
}

std::uint32_t Scheduler::pop_first(List& list) {
    const std::uint32_t index = list.first;
    list.first = entries_[index].next;
    entries_[index].listed = false;
    return index;
}

void Scheduler::owe(Entry& entry, Duration used) {
    entry.deficit = std::max(entry.deficit - used, -kMostOwed);
}

void Scheduler::set_idle(Entry& entry) {
    entry.has_work = false;
    if (--working_ > 0) return;
    fresh_ = steady_ = {};
    ++busy_period_;
}

}  // namespace warren::dataplane
