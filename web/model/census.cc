#include "web/model/census.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/drop_reason.h"

namespace warren::web {

namespace {

// A drop reason gives a new event when its count increases after this long without an increase.
constexpr Duration kQuiet = std::chrono::seconds(60);
constexpr double kMaxInterval = 60;  // seconds between two snapshots; rates over a longer time are not shown

std::uint64_t bytes_between(std::uint64_t before, std::uint64_t after) {
    return after >= before ? after - before : after;  // a new vpnd starts counting at zero
}

double rate_of(std::uint64_t before, std::uint64_t after, double seconds) {
    return seconds > 0 ? static_cast<double>(bytes_between(before, after)) * 8 / seconds : 0;
}

std::optional<CpuShares> shares_between(const ipc::SnapshotHeader& before, const ipc::SnapshotHeader& after,
                                        double seconds) {
    if (seconds <= 0 || before.epoch != after.epoch || before.workers.size() != after.workers.size())
        return std::nullopt;
    const auto share = [seconds](std::uint64_t then, std::uint64_t now) {
        return now > then ? static_cast<double>(now - then) / 1e9 / seconds : 0;
    };
    CpuShares out{share(before.cpu_nanoseconds, after.cpu_nanoseconds), {}};
    for (std::size_t i = 0; i < after.workers.size(); ++i) {
        // The workers' clocks are read at slightly different times.
        out.workers.push_back(
            std::min(1.0, share(before.workers[i].cpu_nanoseconds, after.workers[i].cpu_nanoseconds)));
    }
    return out;
}

// Those that the configuration wants.
bool is_limit(std::string_view reason) {
    static constexpr std::array kLimits{
        DropReason::kRateLimited,          DropReason::kCustomerRateLimited, DropReason::kCookieRequired,
        DropReason::kRateUpExceeded,       DropReason::kRateDownExceeded,    DropReason::kPeerRateUpExceeded,
        DropReason::kPeerRateDownExceeded, DropReason::kEmulatedLoss,        DropReason::kEmulatedQueueFull};
    const DropReasonRow* const row = find_drop_reason(reason);
    return row != nullptr && std::find(kLimits.begin(), kLimits.end(), row->reason) != kLimits.end();
}

std::uint64_t sum_of(const std::vector<ipc::DropCount>& drops) {
    std::uint64_t sum = 0;
    for (const auto& [reason, packets] : drops) sum += packets;
    return sum;
}

bool same_config(const ipc::PeerSnapshot& a, const ipc::PeerSnapshot& b) {
    return a.settings == b.settings && a.tunnel == b.tunnel && a.allowed_ips_left_out == b.allowed_ips_left_out;
}

// Suspension has events of its own.
bool same_config(const ipc::CustomerSnapshot& a, const ipc::CustomerSnapshot& b) {
    ipc::CustomerSettings before = a.settings;
    before.suspended = b.settings.suspended;
    return before == b.settings && a.listeners == b.listeners;
}

bool same_row(const ipc::PeerSnapshot& a, const ipc::PeerSnapshot& b) {
    return same_config(a, b) && a.activity == b.activity;
}

bool same_row(const ipc::CustomerSnapshot& a, const ipc::CustomerSnapshot& b) {
    return a.settings == b.settings && a.listeners == b.listeners && a.activity == b.activity;
}

constexpr std::string_view kRestarted = "restarted";  // ipc::PeerSnapshot::lost_because

std::string_view identity_of(const ipc::ShownWireguardPeer& tunnel) {
    return tunnel.public_key;
}

// Tells a peer from all others of its customer, whatever its name.
std::pair<ipc::ListenerId, std::string> identity_of(const ipc::PeerSnapshot& peer) {
    return {peer.settings.listener,
            std::string(std::visit([](const auto& tunnel) { return identity_of(tunnel); }, peer.tunnel))};
}

// As its peers know us.
std::vector<std::string_view> identities_of(const ipc::CustomerSnapshot& customer) {
    std::vector<std::string_view> out;
    for (const ipc::ListenerSnapshot& listener : customer.listeners) out.emplace_back(listener.identity);
    return out;
}

ipc::PeerState state_at(Instant now, const PeerEntry& peer) {
    // Nobody misses one that has no tunnel any more.
    if (peer.shown.activity.is_expired) return ipc::PeerState::kExpired;
    if (peer.handshake == kLongAgo) return ipc::PeerState::kNever;
    const bool is_online = peer.shown.state == ipc::PeerState::kOnline && now - peer.handshake < kOnline;
    return is_online ? ipc::PeerState::kOnline : ipc::PeerState::kIdle;
}

CustomerState state_of(const CustomerEntry& customer) {
    if (!customer.is_served) return CustomerState::kUnserved;
    if (customer.shown.settings.suspended) return CustomerState::kSuspended;
    const bool has_lost = customer.counts.idle + customer.connection_counts.lost > 0;
    if (customer.counts.online + customer.connection_counts.up == 0)
        return has_lost ? CustomerState::kDown : CustomerState::kNever;
    return has_lost ? CustomerState::kDegraded : CustomerState::kUp;
}

Throughput throughput(const Rates& rates) {
    return {static_cast<float>(rates.inbound), static_cast<float>(rates.outbound)};
}

}  // namespace

Rates rates_between(std::uint64_t rx_before, std::uint64_t rx_after, std::uint64_t tx_before, std::uint64_t tx_after,
                    double seconds) {
    return {rate_of(rx_before, rx_after, seconds), rate_of(tx_before, tx_after, seconds)};
}

std::string_view name_of(CustomerState state) {
    switch (state) {
        case CustomerState::kUp: return "up";
        case CustomerState::kDegraded: return "degraded";
        case CustomerState::kDown: return "down";
        case CustomerState::kNever: return "never";
        case CustomerState::kSuspended: return "suspended";
        case CustomerState::kUnserved: return "unserved";
    }
    return "never";
}

std::string_view name_of(ipc::PeerState state) {
    switch (state) {
        case ipc::PeerState::kOnline: return "online";
        case ipc::PeerState::kIdle: return "idle";
        case ipc::PeerState::kNever: return "never";
        case ipc::PeerState::kExpired: return "expired";
    }
    return "never";
}

const CustomerEntry* Census::find(std::string_view id) const {
    const auto found = customers_.find(id);
    return found == customers_.end() ? nullptr : &found->second;
}

void Census::record_event(Now now, EventKind kind, const std::string& customer, const std::string& peer,
                          std::string from, std::string to, std::string reason) {
    events_.add({0, now.wall, kind, customer, peer, std::move(reason), std::move(from), std::move(to)});
}

void Census::apply_snapshot(Now now, SnapshotRound round) {
    const bool is_first = !has_snapshot();
    const bool is_new_vpnd = !is_first && round.header.epoch != header_.epoch;
    const double gap = is_first ? 0 : std::chrono::duration<double>(now.instant - last_snapshot_).count();
    const double seconds = gap <= kMaxInterval ? gap : 0;
    ++tick_;
    ++round_;
    if (is_new_vpnd) vpnd_started_ = now.instant;
    if (is_lost_ || is_new_vpnd || is_first)
        record_event(now, EventKind::kVpndStarted, {}, {}, {}, round.header.version);
    if (is_new_vpnd || is_first) vpnd_since_ = now.instant;
    is_lost_ = false;
    cpu_shares_ = shares_between(header_, round.header, seconds);
    const std::uint64_t before = std::exchange(header_, std::move(round.header)).generation;
    last_snapshot_ = now.instant;
    as_of_ = now.wall;
    const std::size_t told = told_.size();
    const std::vector<Rename> renames = take_renames();
    const std::set<std::string> moved = find_moved(renames, round.customers);
    rename_customers(now, renames, moved, round.customers);
    // Each rename has a number of its own, before that of the generation with it. After two generations at once, who
    // was renamed in the first one may have made room for another in the second.
    const bool is_next = header_.generation <= before + (told - told_.size()) + 1;
    std::set<std::string> strangers = find_strangers(is_next ? renames : std::vector<Rename>{}, round.customers);
    for (SnapshotRound::Customer& customer : round.customers) apply_customer(now, seconds, std::move(customer));
    if (header_.full) remove_absent_customers(now);
    finish_round(now);
    record_missing(now, !round.customers.empty());
    for (const std::string& id : strangers) start_anew(customers_.at(id));
    events_.disown(strangers);  // with those of the peers that went just now
    // Theirs are disowned already; the first event where they are now is that of the rename.
    for (const std::string& id : moved) {
        const auto found = customers_.find(id);
        if (found != customers_.end() && strangers.insert(id).second) start_anew(found->second);
    }
    if (keeps_past_ && !has_lost_track() && (!renames.empty() || !strangers.empty())) add_step({renames, strangers});
}

void Census::apply_customer(Now now, double seconds, SnapshotRound::Customer round) {
    const std::string id = round.customer.settings.id;
    const auto [at, is_inserted] = customers_.try_emplace(id);
    CustomerEntry& customer = at->second;
    const bool is_new = is_inserted || !std::exchange(customer.is_served, true);
    const bool is_news = is_new && round_ > 1;  // in the first snapshot every customer is new
    if (is_new) {
        list_tick_ = tick_;
        customer.config_tick = tick_;
        restore_state(id, customer);
        if (is_news) record_event(now, EventKind::kAdded, id);
    } else {
        const bool is_changed = !same_config(customer.shown, round.customer);
        const bool is_suspended = round.customer.settings.suspended;
        const bool turns = customer.shown.settings.suspended != is_suspended;
        if (is_changed) record_event(now, EventKind::kChanged, id);
        if (turns) record_event(now, is_suspended ? EventKind::kSuspended : EventKind::kResumed, id);
        if (is_changed || turns) customer.config_tick = tick_;
        if (identities_of(customer.shown) != identities_of(round.customer)) customer.key_changed = now.instant;
    }
    const Rates before = customer.rates;
    if (!is_new) {
        customer.unsaved.rx += bytes_between(customer.shown.activity.rx_bytes, round.customer.activity.rx_bytes);
        customer.unsaved.tx += bytes_between(customer.shown.activity.tx_bytes, round.customer.activity.tx_bytes);
    }
    customer.rates = is_new
                         ? Rates{}
                         : rates_between(customer.shown.activity.rx_bytes, round.customer.activity.rx_bytes,
                                         customer.shown.activity.tx_bytes, round.customer.activity.tx_bytes, seconds);
    if (is_new || !same_row(customer.shown, round.customer) || before != customer.rates) customer.tick = tick_;
    customer.seen = round_;
    const std::vector<ipc::DropCount> drops = std::exchange(customer.shown, std::move(round.customer)).activity.drops;
    customer.drops_total = sum_of(customer.shown.activity.drops);
    if (!is_new) record_drops(now, customer, drops);
    if (!is_new && customer.shown.all_peers) rename_peers(now, customer, round.peers);
    for (ipc::PeerSnapshot& peer : round.peers) apply_peer(now, seconds, customer, std::move(peer), is_new);
    for (SnapshotRound::Connection& connection : round.connections)
        apply_connection(now, seconds, customer, std::move(connection), is_new);
    if (!customer.shown.all_peers) return;
    remove_absent_peers(now, customer);
    remove_absent_connections(now, customer);
}

// A peer whose identity is known by a name that is no longer used was renamed, and keeps its history. `peers`: all.
void Census::rename_peers(Now now, CustomerEntry& customer, const std::vector<ipc::PeerSnapshot>& peers) {
    std::set<std::string_view> names;
    for (const ipc::PeerSnapshot& peer : peers) names.insert(peer.settings.name);
    std::map<std::pair<ipc::ListenerId, std::string>, std::string> gone;  // identity -> name
    for (const auto& [name, peer] : customer.peers) {
        if (!names.contains(name)) gone.emplace(identity_of(peer.shown), name);
    }
    if (gone.empty()) return;
    for (const ipc::PeerSnapshot& peer : peers) {
        const std::string& name = peer.settings.name;
        const auto before = gone.find(identity_of(peer));
        if (before == gone.end() || customer.peers.contains(name)) continue;
        auto node = customer.peers.extract(before->second);
        node.key() = node.mapped().shown.settings.name = name;
        customer.peers.insert(std::move(node));
        customer.config_tick = tick_;
        record_event(now, EventKind::kRenamed, customer.shown.settings.id, name, before->second, name);
        gone.erase(before);
    }
}

void Census::record_drops(Now now, CustomerEntry& customer, const std::vector<ipc::DropCount>& before) {
    for (const auto& [reason, packets] : customer.shown.activity.drops) {
        const auto old = std::find_if(before.begin(), before.end(),
                                      [&r = reason](const ipc::DropCount& one) { return one.first == r; });
        if (old != before.end() && old->second >= packets) continue;
        const auto [last, is_new] = customer.last_drops.try_emplace(reason, kLongAgo);
        const bool was_quiet = now.instant - last->second > kQuiet;
        last->second = now.instant;
        if (was_quiet)
            record_event(now, is_limit(reason) ? EventKind::kRateLimited : EventKind::kDrops,
                         customer.shown.settings.id, {}, {}, {}, reason);
    }
}

void Census::apply_peer(Now now, double seconds, CustomerEntry& customer, ipc::PeerSnapshot shown,
                        bool is_new_customer) {
    const auto [at, is_new] = customer.peers.try_emplace(shown.settings.name);
    PeerEntry& peer = at->second;
    const std::string& id = customer.shown.settings.id;
    if (is_new) {
        customer.config_tick = tick_;
        if (!is_new_customer) record_event(now, EventKind::kAdded, id, shown.settings.name);
    } else if (!same_config(peer.shown, shown)) {
        customer.config_tick = tick_;
        record_event(now, EventKind::kChanged, id, shown.settings.name);
        if (identity_of(peer.shown) != identity_of(shown)) peer.key_changed = now.instant;
    }
    if (!is_new && peer.shown.activity.endpoint && shown.activity.endpoint &&
        *peer.shown.activity.endpoint != *shown.activity.endpoint && peer.shown.tunnel == shown.tunnel)
        record_event(now, EventKind::kRoamed, id, shown.settings.name, to_string(*peer.shown.activity.endpoint),
                     to_string(*shown.activity.endpoint));
    const Rates before = peer.rates;
    peer.rates = is_new ? Rates{}
                        : rates_between(peer.shown.activity.rx_bytes, shown.activity.rx_bytes,
                                        peer.shown.activity.tx_bytes, shown.activity.tx_bytes, seconds);
    if (is_new || before != peer.rates || !same_row(peer.shown, shown)) peer.tick = tick_;
    peer.handshake =
        shown.latest_handshake_seconds ? now.instant - std::chrono::seconds(*shown.latest_handshake_seconds) : kLongAgo;
    peer.seen = round_;
    peer.watch.observe(now.instant, is_new ? nullptr : &peer.shown, shown);
    peer.shown = std::move(shown);
    if (is_new) {
        peer.state = state_at(now.instant, peer);
        restore_state(id, peer);
    }
}

// Customers, peers and connections that the answer omits had no traffic. Updates states, counts and series.
void Census::finish_round(Now now) {
    Rates all;
    const std::int64_t wall_seconds = now.wall.nanoseconds / 1'000'000'000;
    for (auto& [id, customer] : customers_) {
        if (customer.seen != round_ && customer.rates != Rates{}) {
            customer.rates = {};
            customer.tick = tick_;
        }
        for (auto& [name, peer] : customer.peers) {
            if (peer.seen != round_ && peer.rates != Rates{}) {
                peer.rates = {};
                peer.tick = tick_;
            }
            update_state(now, customer, peer);
            if (peer.series == nullptr && peer.rates != Rates{} && peer_series_ < kMaxPeerSeries) {
                peer.series = std::make_unique<Series>();
                ++peer_series_;
            }
            if (peer.series != nullptr) peer.series->add(wall_seconds, throughput(peer.rates));
        }
        finish_connections(customer, wall_seconds);
        update_counts(now, customer);
        customer.series.add(wall_seconds, throughput(customer.rates));
        all.inbound += customer.rates.inbound;
        all.outbound += customer.rates.outbound;
    }
    series_.add(wall_seconds, throughput(all));
}

void Census::update_state(Now now, CustomerEntry& customer, PeerEntry& peer) {
    const ipc::PeerState state = state_at(now.instant, peer);
    if (state == peer.state) return;
    if (state == ipc::PeerState::kIdle && may_return(now.instant, peer)) return;
    const std::string before(name_of(peer.state));
    peer.state = state;
    peer.state_since = now.wall;
    peer.has_state_since = true;
    peer.tick = tick_;
    const EventKind kind = state == ipc::PeerState::kOnline ? EventKind::kOnline : EventKind::kIdle;
    const bool has_ended = state == ipc::PeerState::kNever || state == ipc::PeerState::kExpired;
    std::string reason = has_ended ? reason_of_end(now, customer, peer) : std::string();
    if (kind == EventKind::kIdle) customer.lost_because = reason;
    record_event(now, kind, customer.shown.settings.id, peer.shown.settings.name, before, std::string(name_of(state)),
                 std::move(reason));
}

// Why vpnd no longer knows of a handshake. Its answers tell of a cause and its effect up to some rounds apart.
std::string Census::reason_of_end(Now now, const CustomerEntry& customer, const PeerEntry& peer) const {
    const auto is_recent = [now](Instant at) { return now.instant - at < kSilence; };
    if (customer.shown.settings.suspended) return "suspended";
    if (is_recent(peer.key_changed) || is_recent(customer.key_changed)) return "key_changed";
    return is_recent(vpnd_started_) ? "vpnd_restarted" : "session_ended";
}

bool Census::may_return(Instant now, const PeerEntry& peer) const {
    return peer.shown.activity.lost_because == kRestarted && now - vpnd_since_ < kReturn;
}

void Census::update_counts(Now now, CustomerEntry& customer) {
    PeerCounts counts;
    WallTime last_handshake;
    for (const auto& [name, peer] : customer.peers) {
        ++(peer.state == ipc::PeerState::kOnline ? counts.online
           : peer.state == ipc::PeerState::kIdle ? counts.idle
                                                 : counts.never);
        last_handshake = std::max(last_handshake, peer.shown.activity.latest_handshake);
    }
    ConnectionCounts connections;
    for (const auto& [name, connection] : customer.connections) {
        count(connection, connections);
        last_handshake = std::max(last_handshake, connection.shown.activity.latest_handshake);
    }
    customer.last_handshake = last_handshake;
    const bool changed_counts = counts != customer.counts || connections != customer.connection_counts;
    customer.counts = counts;
    customer.connection_counts = connections;
    const CustomerState state = state_of(customer);
    const bool is_first = customer.state_tick == 0;
    if (state != customer.state && !is_first) {
        customer.state_since = now.wall;
        customer.has_state_since = true;
        record_turn(now, customer, std::exchange(customer.state, state));
        customer.tick = tick_;
        customer.state_tick = tick_;
    }
    // It was up before both daemons were restarted.
    const bool has_fallen = state == CustomerState::kDown && !customer.has_state_since &&
                            std::any_of(customer.peers.begin(), customer.peers.end(), [&](const auto& one) {
                                return one.second.shown.activity.lost_because == kRestarted;
                            });
    if (has_fallen && now.instant - vpnd_since_ >= kReturn) {
        customer.state_since = now.wall;
        customer.has_state_since = true;
        customer.tick = tick_;
    }
    if (!changed_counts && state == customer.state && !is_first) return;
    customer.state = state;
    customer.tick = tick_;
    customer.state_tick = tick_;
}

void Census::remove_absent_peers(Now now, CustomerEntry& customer) {
    for (auto peer = customer.peers.begin(); peer != customer.peers.end();) {
        if (peer->second.seen == round_) {
            ++peer;
            continue;
        }
        record_event(now, EventKind::kRemoved, customer.shown.settings.id, peer->first);
        if (peer->second.series != nullptr) --peer_series_;
        customer.config_tick = tick_;
        peer = customer.peers.erase(peer);
    }
}

void Census::remove_absent_customers(Now now) {
    for (auto at = customers_.begin(); at != customers_.end();) {
        if (at->second.seen == round_ || !at->second.is_served) {
            ++at;
            continue;
        }
        record_event(now, EventKind::kRemoved, at->first);
        remember_keys(at->second);
        forget_series(at->second);
        list_tick_ = tick_;
        at = customers_.erase(at);
    }
    list_unserved();
}

void Census::set_unserved(std::set<std::string> ids) {
    if (ids == unserved_) return;
    unserved_ = std::move(ids);
    ++tick_;
    list_unserved();
}

void Census::mark_changed(const std::set<std::string>& ids) {
    ++tick_;
    for (auto& [id, customer] : customers_) {
        if (ids.contains(id_at_stackd(id))) customer.config_tick = tick_;
    }
}

void Census::list_unserved() {
    const auto removed = std::erase_if(
        customers_, [this](const auto& one) { return !one.second.is_served && !unserved_.contains(one.first); });
    if (removed > 0) list_tick_ = tick_;
    for (const std::string& id : unserved_) {
        const auto [at, is_new] = customers_.try_emplace(id);
        if (!is_new) continue;
        CustomerEntry& customer = at->second;
        customer.shown.settings.id = customer.shown.settings.name = id;
        customer.is_served = false;
        customer.state = CustomerState::kUnserved;
        customer.tick = customer.state_tick = list_tick_ = tick_;
    }
}

void Census::check_silence(Now now) {
    if (!has_snapshot() || is_lost_ || !is_stale(now.instant)) return;
    ++tick_;
    is_lost_ = true;
    record_event(now, EventKind::kVpndLost, {});
}

}  // namespace warren::web
