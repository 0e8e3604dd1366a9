#include "web/model/events.h"

#include <algorithm>
#include <array>
#include <utility>

namespace warren::web {

namespace {

constexpr std::array<std::string_view, kEventKinds> kNames{
    "online",       "idle",      "roamed",  "added",        "removed",     "changed",       "drops",
    "rate_limited", "suspended", "resumed", "vpnd_started", "vpnd_lost",   "renamed",       "up",
    "down",         "peer_dead", "expired", "rekeyed",      "auth_failed", "connect_failed"};

}  // namespace

std::string_view name_of(EventKind kind) {
    return kNames[static_cast<std::size_t>(kind)];
}

bool parse_event_kind(std::string_view text, EventKind& out) {
    for (std::size_t i = 0; i < kNames.size(); ++i) {
        if (kNames[i] != text) continue;
        out = static_cast<EventKind>(i);
        return true;
    }
    return false;
}

void EventLog::add(Event event) {
    if (by_time_) next_id_ = std::max(next_id_, static_cast<std::uint64_t>(event.at.nanoseconds) / 1000 + 1);
    event.id = next_id_++;
    keep(std::move(event));
}

void EventLog::restore(std::vector<Event> events, std::uint64_t last) {
    for (Event& event : events) keep(std::move(event));
    next_id_ = std::max(next_id_, last + 1);
}

void EventLog::keep(Event event) {
    if (!event.customer.empty() && (by_customer_.contains(event.customer) || by_customer_.size() < kMaxCustomers)) {
        std::deque<Event>& events = by_customer_[event.customer];
        events.push_back(event);
        if (events.size() > kPerCustomer) events.pop_front();
    }
    all_.push_back(std::move(event));
    if (all_.size() > kOverall) all_.pop_front();
}

std::uint64_t EventLog::first_id(const std::string& customer) const {
    if (customer.empty()) return all_.empty() ? next_id_ : all_.front().id;
    const auto found = by_customer_.find(customer);
    // A customer without any here has none since the oldest of all.
    const std::uint64_t oldest = all_.empty() ? next_id_ : all_.front().id;
    if (found == by_customer_.end() || found->second.empty()) return oldest;
    const std::uint64_t first = found->second.front().id;
    return found->second.size() < kPerCustomer ? std::min(first, oldest) : first;
}

std::vector<Event> EventLog::after(std::uint64_t id, std::size_t limit) const {
    const auto begin = std::upper_bound(all_.begin(), all_.end(), id,
                                        [](std::uint64_t wanted, const Event& event) { return wanted < event.id; });
    const auto left = static_cast<std::size_t>(all_.end() - begin);
    return {begin, begin + static_cast<std::ptrdiff_t>(std::min(left, limit))};
}

void EventLog::rename(const std::vector<Rename>& renames) {
    std::unordered_map<std::string, std::string> ids;
    for (const Rename& rename : renames) ids[rename.to];
    for (const Rename& rename : renames) ids[rename.from] = rename.to;
    std::erase_if(all_, [&ids](const Event& event) {
        const auto found = ids.find(event.customer);
        return found != ids.end() && found->second.empty();  // a new id that nobody gives up
    });
    for (Event& event : all_) {
        if (const auto found = ids.find(event.customer); found != ids.end()) event.customer = found->second;
    }
    rename_keys(by_customer_, renames);
    for (const Rename& rename : renames) {
        const auto renamed = by_customer_.find(rename.to);
        if (renamed == by_customer_.end()) continue;
        for (Event& event : renamed->second) event.customer = rename.to;
    }
}

void EventLog::disown(const std::set<std::string>& customers) {
    if (customers.empty()) return;
    for (Event& event : all_) event.is_disowned = event.is_disowned || customers.contains(event.customer);
    for (const std::string& id : customers) {
        const auto found = by_customer_.find(id);
        if (found == by_customer_.end()) continue;
        for (Event& event : found->second) event.is_disowned = true;
    }
}

std::vector<const Event*> EventLog::find(const std::string& customer, std::uint64_t after, std::uint64_t before,
                                         std::size_t limit, const std::function<bool(const Event&)>& wanted) const {
    const std::deque<Event>* from = &all_;
    if (!customer.empty()) {
        const auto found = by_customer_.find(customer);
        if (found == by_customer_.end()) return {};
        from = &found->second;
    }
    std::vector<const Event*> out;
    for (auto event = from->rbegin(); event != from->rend() && out.size() < limit && event->id > after; ++event) {
        if (event->id < before && wanted(*event)) out.push_back(&*event);
    }
    return out;
}

}  // namespace warren::web
