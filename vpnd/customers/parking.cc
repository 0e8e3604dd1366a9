#include "vpnd/customers/parking.h"

#include <algorithm>

namespace warren::vpnd {

void Parking::end_patience(Instant now) {
    std::erase_if(asked_, [now](const auto& each) { return now - each.second >= kPatience; });
}

void Parking::note_need(CustomerIndex customer, Instant now) {
    end_patience(now);
    if (asked_.contains(customer)) return;
    if (waiting_.insert_or_assign(customer, now).second) needs_.push_back(customer);
}

void Parking::note_idle(CustomerIndex customer, Instant now) {
    if (idling_.insert_or_assign(customer, now).second) idle_.push_back(customer);
}

void Parking::note_given(CustomerIndex customer) {
    asked_.erase(customer);
    if (waiting_.erase(customer) > 0) std::erase(needs_, customer);
}

void Parking::forget(CustomerIndex customer) {
    note_given(customer);
    if (idling_.erase(customer) > 0) std::erase(idle_, customer);
}

std::optional<CustomerIndex> Parking::next_need(Instant now) {
    end_patience(now);
    while (!needs_.empty() && asked_.size() < kMostAsked) {
        const CustomerIndex customer = needs_.front();
        needs_.pop_front();
        const Instant said = waiting_.at(customer);
        waiting_.erase(customer);
        if (now - said >= kPatience) continue;  // no packet waits for it any more
        asked_[customer] = now;
        return customer;
    }
    return std::nullopt;
}

std::optional<CustomerIndex> Parking::next_idle(Instant now) {
    if (now < next_leave_) return std::nullopt;
    while (!idle_.empty()) {
        const CustomerIndex customer = idle_.front();
        idle_.pop_front();
        const Instant said = idling_.at(customer);
        idling_.erase(customer);
        if (now - said > kIdleHolds) continue;  // packets came since, or it is said again
        next_leave_ = now + kBetweenLeaves;
        return customer;
    }
    return std::nullopt;
}

Instant Parking::next_deadline() const {
    Instant next = idle_.empty() ? kNever : next_leave_;
    if (needs_.empty()) return next;
    if (asked_.size() < kMostAsked) return kLongAgo;
    for (const auto& [customer, at] : asked_) next = std::min(next, at + kPatience);
    return next;
}

}  // namespace warren::vpnd
