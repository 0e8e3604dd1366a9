// Whose an id is: customers that get another one, and ids that another customer gets.
#include <algorithm>
#include <cstdint>
#include <iterator>
#include <map>
#include <set>
#include <string_view>
#include <utility>
#include <variant>

#include "web/model/census.h"

namespace warren::web {

namespace {

const std::string& key_of(const ipc::ShownWireguardPeer& tunnel) {
    return tunnel.public_key;
}

const std::string& key_of(const ipc::PeerSnapshot& peer) {
    return std::visit([](const auto& tunnel) -> const std::string& { return key_of(tunnel); }, peer.tunnel);
}

// "acme" of "acme.north"; "": nobody's customer.
std::string_view reseller_of(std::string_view id) {
    const auto dot = id.rfind('.');
    return dot == std::string_view::npos ? std::string_view() : id.substr(0, dot);
}

// Whether what its own file says is the same: its resellers' shares, and being suspended with them, are not in it.
bool has_own_settings_of(const ipc::CustomerSnapshot& before, const ipc::CustomerSnapshot& now) {
    ipc::CustomerSettings settings = before.settings;
    settings.groups = now.settings.groups;
    settings.suspended = now.settings.suspended;
    return settings == now.settings;
}

// Also of what it owns.
void set_id(CustomerEntry& customer, const std::string& id) {
    const std::string before = std::exchange(customer.shown.settings.id, id);
    if (!customer.is_served) customer.shown.settings.name = id;
    const auto follow = [&](ipc::ListenerId& listener) {
        if (listener.owner == before) listener.owner = id;
    };
    for (ipc::ListenerSnapshot& listener : customer.shown.listeners) follow(listener.id);
    for (auto& [name, peer] : customer.peers) follow(peer.shown.settings.listener);
}

// Of the peers that it has; when it has none, of those that it had last.
std::set<std::string> keys_of(const CustomerEntry& customer) {
    std::set<std::string> out;
    for (const auto& [name, peer] : customer.peers) {
        if (const std::string& key = key_of(peer.shown); !key.empty()) out.insert(key);
    }
    for (const auto& [name, connection] : customer.connections) {
        if (std::string key = connection_key(connection.shown.settings); !key.empty()) out.insert(std::move(key));
    }
    return out.empty() ? customer.last_keys : out;
}

bool has_one_of(const std::set<std::string>& keys, const SnapshotRound::Customer& customer) {
    return std::any_of(customer.peers.begin(), customer.peers.end(),
                       [&](const ipc::PeerSnapshot& peer) { return keys.contains(key_of(peer)); }) ||
           std::any_of(customer.connections.begin(), customer.connections.end(),
                       [&](const auto& one) { return keys.contains(connection_key(one.connection.settings)); });
}

}  // namespace

void Census::tell_renames(std::uint64_t generation, std::vector<Rename> renames) {
    if (has_snapshot() && generation <= header_.generation) return;
    // vpnd refused it: no snapshot shows it, however often it is tried.
    if (!told_.empty()) {
        const std::vector<Rename> both = chained(told_.back().renames, renames);
        if (std::all_of(both.begin(), both.end(), [](const Rename& rename) { return rename.from == rename.to; }))
            return told_.pop_back();
    }
    told_.push_back({generation, std::move(renames)});
}

std::string Census::id_at_stackd(const std::string& id) const {
    std::string out = id;
    for (const Told& told : told_) {
        const auto begin = told.renames.begin();
        const auto end = told.renames.end();
        const auto given_up = std::find_if(begin, end, [&](const Rename& rename) { return rename.from == out; });
        if (given_up != end) {
            out = given_up->to;
        } else if (std::any_of(begin, end, [&](const Rename& rename) { return rename.to == out; })) {
            return {};
        }
    }
    return out;
}

std::vector<Rename> Census::take_renames() {
    std::vector<Rename> out;
    const auto rest = std::find_if(told_.begin(), told_.end(),
                                   [this](const Told& told) { return told.generation > header_.generation; });
    for (auto told = told_.begin(); told != rest; ++told) out = chained(std::move(out), told->renames);
    told_.erase(told_.begin(), rest);
    return out;
}

std::set<std::string> Census::find_moved(const std::vector<Rename>& renames,
                                         const std::vector<SnapshotRound::Customer>& round) const {
    std::set<std::string> out;
    if (renames.empty()) return out;
    std::map<std::string_view, std::string_view> renamed;
    for (const Rename& rename : renames) renamed.emplace(rename.from, rename.to);
    std::set<std::string_view> present;
    for (const SnapshotRound::Customer& customer : round) present.insert(customer.customer.settings.id);
    // A reseller without peers is not known again by them: it is the one that came when the other went.
    const auto is_served = [this](std::string_view id) {
        const CustomerEntry* const known = find(id);
        return known != nullptr && known->is_served;
    };
    const auto is_renamed = [&](std::string_view from, std::string_view to) {
        if (const auto found = renamed.find(from); found != renamed.end()) return found->second == to;
        return from == to || (header_.full && !from.empty() && !to.empty() && is_served(from) &&
                              !present.contains(from) && present.contains(to) && !is_served(to));
    };
    for (const Rename& rename : renames) {
        if (rename.from != rename.to && !is_renamed(reseller_of(rename.from), reseller_of(rename.to)))
            out.insert(rename.to);
    }
    return out;
}

// They keep their charts, states and events.
void Census::rename_customers(Now now, const std::vector<Rename>& renames, const std::set<std::string>& moved,
                              const std::vector<SnapshotRound::Customer>& round) {
    if (renames.empty()) return;
    std::set<std::string_view> given_up;
    for (const Rename& rename : renames) given_up.insert(rename.from);
    for (const Rename& rename : renames) {
        if (const auto former = customers_.find(rename.to); former != customers_.end() && !given_up.contains(rename.to))
            forget_series(former->second);
    }
    for (const Rename& rename : renames) {
        const auto found = customers_.find(rename.from);
        if (found == customers_.end() || rename.from == rename.to) continue;
        set_id(found->second, rename.to);
        found->second.tick = found->second.config_tick = list_tick_ = tick_;
    }
    rename_keys(customers_, renames);
    rename_keys(left_, renames);
    events_.rename(renames);
    events_.disown(moved);
    std::set<std::string_view> present;
    for (const SnapshotRound::Customer& customer : round) present.insert(customer.customer.settings.id);
    for (const Rename& rename : renames) {
        if (rename.from == rename.to || find(rename.to) == nullptr) continue;
        // A former id that is another customer's now, or another reseller's, is not for who may see this one only.
        const bool is_taken =
            find(rename.from) != nullptr || present.contains(rename.from) || moved.contains(rename.to);
        record_event(now, EventKind::kRenamed, rename.to, {}, is_taken ? "" : rename.from, rename.to);
    }
}

std::set<std::string> Census::find_strangers(const std::vector<Rename>& renames,
                                             const std::vector<SnapshotRound::Customer>& round) {
    std::set<std::string_view> renamed;
    for (const Rename& rename : renames) {
        if (rename.from != rename.to) renamed.insert(rename.to);  // else vpnd refused it
    }
    std::set<std::string> out;
    for (const SnapshotRound::Customer& customer : round) {
        const std::string& id = customer.customer.settings.id;
        if (!customer.customer.all_peers) continue;
        const auto present = customers_.find(id);
        const bool is_known = present != customers_.end() && present->second.is_served;
        std::set<std::string> keys;  // of one that is not here, and had none: it is not known again
        if (is_known) {
            CustomerEntry& before = present->second;
            keys = keys_of(before);
            const bool is_empty = customer.peers.empty() && customer.connections.empty();
            const bool has_none = before.peers.empty() && before.connections.empty() && is_empty;
            if (keys.empty() || (has_none && has_own_settings_of(before.shown, customer.customer))) continue;
            if (is_empty) before.last_keys = keys;
        } else if (auto gone = left_.extract(id); !gone.empty()) {
            keys = std::move(gone.mapped());
        }
        const bool had_something = is_known || events_.has(id) || past_ids_.contains(id);  // charts, or events
        if (had_something && !renamed.contains(id) && !has_one_of(keys, customer)) out.insert(id);
    }
    return out;
}

void Census::remember_keys(const CustomerEntry& customer) {
    const std::string& id = customer.shown.settings.id;
    if (left_.size() >= EventLog::kMaxCustomers || (!events_.has(id) && !past_ids_.contains(id))) return;
    std::set<std::string> keys = keys_of(customer);
    if (keys.size() > kMostKeys) keys.erase(std::next(keys.begin(), kMostKeys), keys.end());
    left_[id] = std::move(keys);
}

PastKeys Census::changed_keys(std::uint64_t after_tick) const {
    PastKeys out;
    for (const auto& [id, customer] : customers_) {
        if (!customer.is_served || customer.config_tick <= after_tick) continue;
        std::set<std::string> keys = keys_of(customer);
        if (keys.size() > kMostKeys) keys.erase(std::next(keys.begin(), kMostKeys), keys.end());
        out.emplace(id, std::move(keys));
    }
    return out;
}

void Census::forget_series(const CustomerEntry& customer) {
    for (const auto& [name, peer] : customer.peers) peer_series_ -= peer.series != nullptr ? 1U : 0U;
    for (const auto& [name, connection] : customer.connections) peer_series_ -= connection.series != nullptr ? 1U : 0U;
}

void Census::start_anew(CustomerEntry& customer) {
    forget_series(customer);
    customer.series = {};
    customer.rates = {};
    customer.unsaved = {};
    customer.is_out = false;
    customer.lost_because.clear();
    customer.has_state_since = false;
    customer.last_drops.clear();
    customer.tick = customer.state_tick = tick_;
    for (auto& [name, peer] : customer.peers) {
        peer.series.reset();
        peer.rates = {};
        peer.has_state_since = false;
    }
    for (auto& [name, connection] : customer.connections) {
        connection.series.reset();
        connection.rates = {};
        connection.has_state_since = false;
        connection.was_up = connection.shown.state == ipc::ConnectionState::kUp;
        connection.lost_because = connection.shown.activity.lost_because;
    }
}

}  // namespace warren::web
