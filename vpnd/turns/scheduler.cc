#include "vpnd/turns/scheduler.h"

#include <algorithm>

#include "base/check.h"

namespace warren::dataplane {

void Scheduler::set_share(CustomerIndex customer, std::uint32_t share, std::span<const ShareGroup> groups) {
    if (customer.value >= entries_.size()) entries_.resize(customer.value + std::size_t{1});
    entries_[customer.value].share = std::max(share, 1U);
    const std::uint32_t group = group_of(groups);
    if (group != entries_[customer.value].group) move(customer, group);
}

void Scheduler::forget(CustomerIndex customer) {
    if (customer.value >= entries_.size()) return;
    Entry& entry = entries_[customer.value];
    if (entry.has_work) set_idle(customer.value);
    if (entry.group != kAll) move(customer, kAll);
    entry.share = 1;  // it may still be in a list, and leaves it at its turn
    entry.deficit = entry.charged = Duration::zero();
}

void Scheduler::wake(CustomerIndex customer) {
    if (entries_[customer.value].has_work) return;
    ++working_;
    begin_work(customer.value);
}

// The first one of a group brings it into the lists of the next one.
void Scheduler::begin_work(std::uint32_t index) {
    Entry& entry = entry_of(index);
    Group& group = groups_[entry.group];
    entry.has_work = true;
    const bool is_first = group.working++ == 0;
    if (!is_listed(entry)) {  // else it had work a moment ago
        entry.deficit = Duration::zero();
        replenish(entry);
        append(group, group.fresh, index);
    }
    if (is_first && entry.group != kAll) begin_work(entry.group | kIsGroup);
}

Scheduler::Turn Scheduler::next() {
    WARREN_CHECK(!idle());
    std::uint32_t index = first_of(groups_[kAll]);
    Duration allowance = entry_of(index).deficit;
    while ((index & kIsGroup) != 0) {
        index = first_of(groups_[index & ~kIsGroup]);
        allowance = std::min(allowance, entry_of(index).deficit);
    }
    return {CustomerIndex{index}, allowance};
}

// Whose turn it is in a group in which somebody has work.
std::uint32_t Scheduler::first_of(Group& group) {
    for (;;) {
        List& list = group.fresh.first != kNone ? group.fresh : group.steady;
        const std::uint32_t index = list.first;
        Entry& entry = entry_of(index);
        if (entry.deficit <= Duration::zero()) {
            replenish(entry);
            append(group, group.steady, pop_first(list));
        } else if (!entry.has_work) {
            (void)pop_first(list);
        } else {
            return index;
        }
    }
}

void Scheduler::end(const Turn& turn, Duration used, bool has_more_work) {
    Entry& entry = entries_[turn.customer.value];
    owe(entry, used);
    for (std::uint32_t group = entry.group; group != kAll; group = groups_[group].entry.group)
        owe(groups_[group].entry, used);
    if (!has_more_work && entry.has_work) end_work(turn.customer.value);
}

void Scheduler::end_work(std::uint32_t index) {
    Group& group = groups_[entry_of(index).group];
    // From the fresh it goes to the steady first, or it would be fresh again with its next packet.
    if (group.fresh.first == index) append(group, group.steady, pop_first(group.fresh));
    set_idle(index);
}

void Scheduler::charge(CustomerIndex customer, Duration used) {
    if (customer.value >= entries_.size()) return;
    Entry& entry = entries_[customer.value];
    charge(entry, used);
    for (std::uint32_t group = entry.group; group != kAll; group = groups_[group].entry.group)
        charge(groups_[group].entry, used);
}

void Scheduler::charge(Entry& entry, Duration used) const {
    if (!is_listed(entry)) return;
    const Duration own = std::clamp(kMostCharged * entry.share - entry.charged, Duration::zero(), used);
    entry.charged += own;
    owe(entry, own);
}

void Scheduler::replenish(Entry& entry) {
    entry.deficit += kQuantum * entry.share;
    entry.charged = Duration::zero();
}

void Scheduler::append(Group& group, List& list, std::uint32_t index) {
    Entry& entry = entry_of(index);
    entry.next = kNone;
    entry.listed = true;
    entry.busy_period = group.busy_period;
    (list.first == kNone ? list.first : entry_of(list.last).next) = index;
    list.last = index;
}

std::uint32_t Scheduler::pop_first(List& list) {
    const std::uint32_t index = list.first;
    Entry& entry = entry_of(index);
    list.first = entry.next;
    entry.listed = false;
    return index;
}

void Scheduler::owe(Entry& entry, Duration used) {
    entry.deficit = std::max(entry.deficit - used, -kMostOwed);
}

void Scheduler::set_idle(std::uint32_t index) {
    Entry& entry = entry_of(index);
    Group& group = groups_[entry.group];
    entry.has_work = false;
    if ((index & kIsGroup) == 0) --working_;
    if (--group.working > 0) return;
    group.fresh = group.steady = {};
    ++group.busy_period;
    if (entry.group != kAll) end_work(entry.group | kIsGroup);
}

// --- groups --------------------------------------------------------------------------------------

// Makes those that there are not yet.
std::uint32_t Scheduler::group_of(std::span<const ShareGroup> groups) {
    std::uint32_t at = kAll;
    std::string path;
    for (const ShareGroup& group : groups) {
        path += '/' + group.id;
        const auto [found, is_new] = by_path_.try_emplace(path, kNone);
        if (is_new) {
            if (free_.empty()) {
                free_.push_back(static_cast<std::uint32_t>(groups_.size()));
                groups_.emplace_back();
            }
            found->second = free_.back();
            free_.pop_back();
            Group& made = groups_[found->second];
            made.path = path;
            made.entry.group = at;
            ++groups_[at].members;
        }
        at = found->second;
        groups_[at].entry.share = std::max(group.share, 1U);
    }
    return at;
}

void Scheduler::move(CustomerIndex customer, std::uint32_t to) {
    Entry& entry = entries_[customer.value];
    const bool has_work = entry.has_work;
    if (has_work) set_idle(customer.value);
    unlink(customer.value);
    const std::uint32_t from = entry.group;
    entry.group = to;
    ++groups_[to].members;
    leave(from);
    if (has_work) wake(customer);
}

// Those that nobody is in any more are gone.
void Scheduler::leave(std::uint32_t index) {
    for (; index != kAll && --groups_[index].members == 0;) {
        unlink(index | kIsGroup);
        Group& group = groups_[index];
        by_path_.erase(group.path);
        const std::uint32_t outer = group.entry.group;
        const std::uint32_t busy_period = group.busy_period;
        group = {};
        group.busy_period = busy_period;
        free_.push_back(index);
        index = outer;
    }
}

void Scheduler::unlink(std::uint32_t index) {
    Entry& entry = entry_of(index);
    const bool is_there = is_listed(entry);
    entry.listed = false;  // busy periods of another group may have the same number
    if (!is_there) return;
    Group& group = groups_[entry.group];
    for (List* const list : {&group.fresh, &group.steady}) {
        std::uint32_t before = kNone;
        for (std::uint32_t at = list->first; at != kNone; before = at, at = entry_of(at).next) {
            if (at != index) continue;
            (before == kNone ? list->first : entry_of(before).next) = entry.next;
            if (list->last == index) list->last = before;
            break;
        }
    }
}

}  // namespace warren::dataplane
