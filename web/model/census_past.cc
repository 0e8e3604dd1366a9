// What outlives statusd: what the census tells web/past, and begins with.
#include <algorithm>
#include <iterator>
#include <utility>

#include "web/model/census.h"

namespace warren::web {

namespace {

bool is_served_state(CustomerState state) {
    return state == CustomerState::kUp || state == CustomerState::kDegraded;
}

// Nothing for a word of a later version.
template <typename State>
std::optional<State> state_of(std::string_view word, std::initializer_list<State> states) {
    const auto* const found =
        std::find_if(states.begin(), states.end(), [word](State one) { return name_of(one) == word; });
    return found == states.end() ? std::nullopt : std::optional(*found);
}

}  // namespace

void Census::restore(RestoredPast past) {
    keeps_past_ = owes_states_ = true;
    events_.restore(std::move(past.events), past.last_event);
    events_.keep_unwritten(past.last_event);
    for (auto& [id, keys] : past.keys) {
        past_ids_.insert(id);
        if (!customers_.contains(id)) left_[id] = std::move(keys);
    }
    for (PastState& one : past.states)
        restored_[{std::move(one.customer), one.is_connection, std::move(one.name)}] = {std::move(one.state),
                                                                                        one.since};
}

std::optional<Census::Restored> Census::take_restored(const std::string& customer, const std::string& name,
                                                      bool is_connection) {
    auto found = restored_.extract({customer, is_connection, name});
    return found.empty() ? std::nullopt : std::optional(std::move(found.mapped()));
}

void Census::record_missing(Now now, bool has_customers) {
    if (!header_.full || (header_.generation == 0 && !has_customers)) return;
    is_complete_ = true;
    std::set<std::string_view> gone;
    for (const auto& [key, state] : restored_) {
        const auto& [id, is_connection, name] = key;
        const CustomerEntry* const customer = find(id);
        if (customer == nullptr || !customer->is_served) {
            if (gone.insert(id).second) record_event(now, EventKind::kRemoved, id);
        } else if (!name.empty()) {
            events_.add({0,
                         now.wall,
                         EventKind::kRemoved,
                         id,
                         is_connection ? "" : name,
                         {},
                         {},
                         {},
                         is_connection ? name : ""});
        }
    }
    restored_.clear();
}

void Census::restore_state(const std::string& id, CustomerEntry& customer) {
    const auto restored = take_restored(id, {}, false);
    if (!restored) return;
    const auto state =
        state_of(restored->state, {CustomerState::kUp, CustomerState::kDegraded, CustomerState::kDown,
                                   CustomerState::kNever, CustomerState::kSuspended, CustomerState::kUnserved});
    if (!state) return;
    customer.state = *state;
    customer.state_since = restored->since;
    customer.has_state_since = restored->since != WallTime{};
    customer.state_tick = tick_;
    customer.is_out = customer.has_state_since && !is_served_state(*state);
}

void Census::restore_state(const std::string& id, PeerEntry& peer) {
    const auto restored = take_restored(id, peer.shown.settings.name, false);
    if (!restored) return;
    const auto state =
        state_of(restored->state, {ipc::PeerState::kOnline, ipc::PeerState::kIdle, ipc::PeerState::kNever});
    if (!state) return;
    peer.state = *state;
    peer.state_since = restored->since;
    peer.has_state_since = restored->since != WallTime{};
}

bool Census::restore_state(const std::string& id, ConnectionEntry& connection, ipc::ConnectionSnapshot& before) {
    const auto restored = take_restored(id, connection.shown.settings.name, true);
    if (!restored) return false;
    const auto state = state_of(
        restored->state, {ipc::ConnectionState::kUnserved, ipc::ConnectionState::kListening,
                          ipc::ConnectionState::kConnecting, ipc::ConnectionState::kUp, ipc::ConnectionState::kDown});
    if (!state) return false;
    connection.was_up = connection.was_up || *state == ipc::ConnectionState::kUp;
    connection.state_since = restored->since;
    connection.has_state_since = restored->since != WallTime{};
    before.state = *state;
    return before.state != connection.shown.state;
}

// An outage of the customer as a whole begins or ends.
void Census::record_turn(Now now, CustomerEntry& customer, CustomerState before) {
    const bool was_served = is_served_state(before);
    const bool is_served = is_served_state(customer.state);
    // What has nothing that could be up is not missed.
    const bool is_empty = customer.peers.empty() && customer.connections.empty();
    const std::string from(name_of(before));
    const std::string to(name_of(customer.state));
    const std::string& id = customer.shown.settings.id;
    if (was_served && !is_served && !is_empty) {
        customer.is_out = true;
        record_event(now, EventKind::kDown, id, {}, from, to,
                     customer.state == CustomerState::kSuspended ? to : customer.lost_because);
    }
    if (is_served && std::exchange(customer.is_out, false)) record_event(now, EventKind::kUp, id, {}, from, to);
}

void Census::stop_past() {
    keeps_past_ = owes_states_ = false;
    steps_.clear();
    minutes_.clear();
    events_.stop_unwritten();
}

PastBatch Census::collect_past(std::uint64_t after_tick, std::size_t most_events) {
    PastBatch out;
    // What the lost ones said of states is not in the database.
    out.dropped_events = events_.take_dropped();
    if (out.dropped_events > 0) owes_states_ = true;
    out.steps = std::exchange(steps_, {});
    out.minutes.assign(std::make_move_iterator(minutes_.begin()), std::make_move_iterator(minutes_.end()));
    minutes_.clear();
    out.keys = changed_keys(after_tick);
    for (const auto& [id, keys] : out.keys) past_ids_.insert(id);
    out.events = events_.take_unwritten(most_events);
    const bool owes_states = is_complete_ && std::exchange(owes_states_, false);
    out.has_all_states = owes_states;
    const auto add = [&out](const std::string& id, const std::string& name, bool is_connection, std::string_view state,
                            const auto& entry) {
        out.states.push_back(
            {id, name, is_connection, std::string(state), entry.has_state_since ? entry.state_since : WallTime{}});
    };
    for (const auto& [id, customer] : customers_) {
        if (!customer.is_served) continue;
        // Not every change of a customer's state has an event.
        if (owes_states || customer.state_tick > after_tick) add(id, {}, false, name_of(customer.state), customer);
        if (!owes_states) continue;
        for (const auto& [name, peer] : customer.peers) add(id, name, false, name_of(peer.state), peer);
        for (const auto& [name, one] : customer.connections) add(id, name, true, name_of(one.shown.state), one);
    }
    return out;
}

void Census::add_step(IdentityStep step) {
    std::map<std::string_view, std::string_view> ids;  // "": nobody's any more
    for (const Rename& rename : step.renames) ids[rename.to];
    for (const Rename& rename : step.renames) ids[rename.from] = rename.to;
    for (PastMinute& minute : minutes_) {
        for (PastMinute::Sum& sum : minute.sums) {
            if (const auto found = ids.find(sum.customer); found != ids.end())
                sum.customer = std::string(found->second);
        }
        std::erase_if(minute.sums, [&](const PastMinute::Sum& sum) {
            const bool is_of_all = &sum == &minute.sums.front();
            return !is_of_all && (sum.customer.empty() || step.disowned.contains(sum.customer));
        });
    }
    steps_.push_back(std::move(step));
}

void Census::end_minute(std::int64_t minute) {
    PastMinute& now = minutes_.emplace_back();
    now.minute = minute;
    now.sums = {{}};
    for (auto& [id, customer] : customers_) {
        PastMinute::Sum sum = std::exchange(customer.unsaved, {});
        if (sum.rx == 0 && sum.tx == 0) continue;
        now.sums.front().rx += sum.rx;
        now.sums.front().tx += sum.tx;
        sum.customer = id;
        now.sums.push_back(std::move(sum));
    }
    if (minutes_.size() <= kMostMinutes) return;
    const auto is_same_hour = [](const PastMinute& a, const PastMinute& b) { return a.minute / 60 == b.minute / 60; };
    const auto found = std::adjacent_find(minutes_.begin(), minutes_.end(), is_same_hour);
    const auto into = found == minutes_.end() ? minutes_.begin() : found;
    const auto from = std::next(into);
    std::map<std::string, PastMinute::Sum> sums;  // that of all is the first one
    for (const PastMinute* one : {&*into, &*from}) {
        for (const PastMinute::Sum& sum : one->sums) {
            PastMinute::Sum& both = sums[sum.customer];
            both = {sum.customer, both.rx + sum.rx, both.tx + sum.tx};
        }
    }
    into->sums.clear();
    for (auto& [id, sum] : sums) into->sums.push_back(std::move(sum));
    minutes_.erase(from);
}

}  // namespace warren::web
