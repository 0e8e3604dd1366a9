#include "web/model/events.h"

#include <algorithm>
#include <array>
#include <iterator>
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
    if (keeps_unwritten_) wait(event);
    keep(std::move(event));
}

void EventLog::wait(const Event& event) {
    unwritten_.push_back(event);
    if (unwritten_.size() <= kMostUnwritten) return;
    unwritten_.pop_front();
    ++dropped_;
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

void EventLog::keep_unwritten(std::uint64_t after) {
    stop_unwritten();
    keeps_unwritten_ = true;
    for (const Event& event : all_) {
        if (event.id > after) wait(event);
    }
}

void EventLog::stop_unwritten() {
    unwritten_ = {};
    keeps_unwritten_ = false;
    dropped_ = 0;
}

std::vector<Event> EventLog::take_unwritten(std::size_t limit) {
    const auto end = unwritten_.begin() + static_cast<std::ptrdiff_t>(std::min(unwritten_.size(), limit));
    std::vector<Event> out(std::make_move_iterator(unwritten_.begin()), std::make_move_iterator(end));
    unwritten_.erase(unwritten_.begin(), end);
    return out;
}

void EventLog::rename(const std::vector<Rename>& renames) {
    std::unordered_map<std::string, std::string> ids;
    for (const Rename& rename : renames) ids[rename.to];
    for (const Rename& rename : renames) ids[rename.from] = rename.to;
    for (std::deque<Event>* events : {&all_, &unwritten_}) {
        std::erase_if(*events, [&ids](const Event& event) {
            const auto found = ids.find(event.customer);
            return found != ids.end() && found->second.empty();  // a new id that nobody gives up
        });
        for (Event& event : *events) {
            if (const auto found = ids.find(event.customer); found != ids.end()) event.customer = found->second;
        }
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
    for (std::deque<Event>* events : {&all_, &unwritten_}) {
        for (Event& event : *events) event.is_disowned = event.is_disowned || customers.contains(event.customer);
    }
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
