#include "vpnd/usage/usage_book.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "base/utc_text.h"

namespace warren::vpnd {

namespace {

constexpr std::size_t kCustomersAtOnce = 256;  // of a call, so that handshakes do not wait

// What was counted since `before`. A smaller number counts something that began anew.
std::uint64_t since(std::uint64_t before, std::uint64_t now) {
    return now >= before ? now - before : now;
}

}  // namespace

void UsageBook::keep_in(Now now, Month month, UniqueFd file) {
    if (file_.month() != month_of(now.wall)) begin_month(now);
    if (month != file_.month()) return keep_for_later({month, std::move(file)});
    use(std::move(file));
}

void UsageBook::use(UniqueFd file) {
    const Status kept = file_.keep_in(std::move(file));
    if (!kept) log(LogLevel::kWarn, "usage_not_kept", {{"reason", kept.error().what}});
    // Records are elsewhere, and what the file has may have spent a quota.
    look_again();
    due_ = kLongAgo;
}

void UsageBook::keep_for_later(OtherFile other) {
    std::erase_if(others_, [&](const OtherFile& known) { return known.month == other.month; });
    if (others_.size() == kMostOthers) others_.erase(others_.begin());
    others_.push_back(std::move(other));
}

// At each customer, whether it had packets or not.
void UsageBook::look_again() {
    for (auto& [index, seen] : seen_customers_) seen.put = 0;
    for (Seen& seen : seen_) seen.put = 0;
}

void UsageBook::rename(Now now, const std::vector<Rename>& renames) {
    if (renames.empty()) return;
    std::unordered_map<std::string, std::string> names;
    for (const Rename& rename : renames) names[rename.from] = rename.to;
    // Nobody has this id: what is there is of one that had it.
    for (const Rename& rename : renames) {
        if (!names.contains(rename.to)) file_.close(rename.to, now.wall);
        departed_.erase(rename.to);
    }
    file_.rename(names);
    look_again();
}

// The clock may go back: then the sums of that month come back with its file.
void UsageBook::begin_month(Now now) {
    write();
    UsageFile next(month_of(now.wall));
    for (const UsageRecord& record : file_.records()) {
        if (static_cast<std::int64_t>(record.told_expiry) * std::nano::den <= now.wall.nanoseconds) continue;
        next.change(next.find_or_make(record.customer, record.peer)).told_expiry = record.told_expiry;
    }
    if (file_.has_file()) keep_for_later({file_.month(), file_.release()});
    file_ = std::move(next);
    departed_.clear();
    look_again();
    const auto known = std::find_if(others_.begin(), others_.end(),
                                    [this](const OtherFile& other) { return other.month == file_.month(); });
    if (known == others_.end()) return;
    UniqueFd file = std::move(known->file);
    others_.erase(known);
    use(std::move(file));
}

void UsageBook::note_departed(std::vector<Changes::Departed>&& departed) {
    for (Changes::Departed& each : departed) {
        std::string id = each.customer;
        departed_.insert_or_assign(std::move(id), std::move(each));
    }
}

void UsageBook::take_id(const HeldCustomer& customer) {
    const auto gone = departed_.extract(customer.settings.id);
    if (!gone) return;
    const Changes::Departed& before = gone.mapped();
    const auto had = [&](const PeerIdentity& identity) {
        return std::find(before.identities.begin(), before.identities.end(), identity) != before.identities.end();
    };
    bool is_same = before.ipsec && customer.ipsec && canonical(customer.ipsec->identity) == *before.ipsec;
    for (const HeldPeer& peer : customer.peers) {
        const auto next = ipc::next_identity_of(peer.config.tunnel);
        is_same = is_same || had(ipc::identity_of(peer.config.tunnel)) || (next && had(*next));
    }
    if (!is_same) file_.close(customer.settings.id, wall_);
}

void UsageBook::begin_round(Now now) {
    wall_ = now.wall;
    if (file_.month() != month_of(now.wall)) begin_month(now);
    round_.clear();
    for (const auto& [id, customer] : customers_.customers()) round_.push_back(customer.index);
    counted_ = refreshed_ = 0;
    ticket_ = counters_.refresh_workers(now);
    is_counting_ = true;
}

void UsageBook::run(Now now, std::vector<CustomerSet::Spent>& out) {
    if (!is_counting_) {
        if (now.instant < due_) return;
        begin_round(now);
    }
    if (!counters_.ready(ticket_)) return;
    for (; counted_ < refreshed_; ++counted_) {
        if (const HeldCustomer* const customer = customers_.find(round_[counted_])) count(*customer, out);
    }
    if (counted_ < round_.size()) {
        std::vector<const HeldCustomer*> next;
        for (; refreshed_ < round_.size() && next.size() < kCustomersAtOnce; ++refreshed_) {
            if (const HeldCustomer* const customer = customers_.find(round_[refreshed_])) next.push_back(customer);
        }
        ticket_ = counters_.refresh_touched(now, next);
        return;
    }
    if (now.instant >= expiries_due_) tell_expiries(now);
    write();
    is_counting_ = false;
    due_ = now.instant + kInterval;
}

void UsageBook::count(const HeldCustomer& customer, std::vector<CustomerSet::Spent>& out) {
    SeenCustomer& seen = seen_customers_[customer.index];
    const std::uint64_t mark = counters_.mark(customer.index);
    if (seen.life == customer.life && seen.put == customer.put && seen.mark == mark) return;
    if (!counters_.is_current(customer)) return;  // it comes with the next round
    if (seen.life != customer.life) {
        seen = {};
        take_id(customer);
    }
    const bool is_put = seen.put != customer.put;  // another configuration, or another month
    seen.life = customer.life;
    seen.put = customer.put;
    seen.mark = mark;
    const std::uint64_t version = file_.version();

    if (is_put) seen.all.put = 0;
    CustomerSet::Spent spent{customer.index, false, {}};
    Bytes all;
    seen.queues.resize(customer.workers.size());
    for (std::size_t queue = 0; queue < seen.queues.size(); ++queue) {
        const dataplane::Meters meters = counters_.queue_meters(customer.index, queue);
        const Bytes bytes = news(seen.queues[queue], {meters.inbound.bytes, meters.outbound.bytes});
        all.rx += bytes.rx;
        all.tx += bytes.tx;
    }
    spent.customer = add(customer, "", all, customer.settings.quota, &seen.all);

    for (std::size_t i = 0; i < customer.peers.size(); ++i) {
        const HeldPeer& peer = customer.peers[i];
        const ipc::PeerSettings& settings = peer.config.settings;
        const Bytes bytes = news(peer.index, counters_.peer(customer.index, i, peer.index));
        if (add(customer, settings.name, bytes, settings.limits.quota, &seen_[peer.index.value]))
            spent.tunnels.insert(settings.name);
    }
    for (const HeldConnection& connection : customer.connections) {
        const ipc::ConnectionSettings& settings = connection.config.settings;
        Bytes sum;
        for (const PeerIndex peer : connection.peers) {
            const Bytes bytes = news(peer, counters_.connection_peer(customer.index, peer));
            sum.rx += bytes.rx;
            sum.tx += bytes.tx;
        }
        if (add(customer, settings.name, sum, settings.limits.quota, nullptr)) spent.tunnels.insert(settings.name);
    }
    if (customers_.is_other(spent)) out.push_back(std::move(spent));
    if (file_.version() == version) return;
    counters_.note_change(customer.index);  // readers of changes get it
    seen.mark = counters_.mark(customer.index);
}

UsageBook::Bytes UsageBook::news(Bytes& seen, Bytes counted) {
    return {since(std::exchange(seen.rx, counted.rx), counted.rx),
            since(std::exchange(seen.tx, counted.tx), counted.tx)};
}

UsageBook::Bytes UsageBook::news(PeerIndex peer, const io::PeerCounters& counted) {
    if (seen_.size() <= peer.value) seen_.resize(peer.value + std::size_t{1});
    return news(seen_[peer.value].bytes, {counted.rx_bytes, counted.tx_bytes});
}

bool UsageBook::add(const HeldCustomer& customer, std::string_view name, Bytes bytes, std::uint64_t quota, Seen* seen) {
    const std::string& id = customer.settings.id;
    const bool is_idle = bytes.rx == 0 && bytes.tx == 0;
    const bool is_placed = seen != nullptr && seen->put == customer.put && seen->place != SIZE_MAX;
    if (!is_placed && is_idle && quota == 0 && file_.find(id, name) == nullptr) return false;  // needs no record
    const std::size_t place = is_placed ? seen->place : file_.find_or_make(id, name);
    if (seen != nullptr) {
        seen->place = place;
        seen->put = customer.put;
    }
    if (!is_idle) {
        UsageRecord& record = file_.change(place);
        record.rx_bytes += bytes.rx;
        record.tx_bytes += bytes.tx;
    }
    return is_spent(customer, place, quota);
}

bool UsageBook::is_spent(const HeldCustomer& customer, std::size_t place, std::uint64_t quota) {
    const UsageRecord& record = file_.at(place);
    const bool is_over = quota != 0 && record.bytes() >= quota;
    const bool is_nearly = quota != 0 && record.bytes() >= quota / 100 * kNearlyPercent;
    if (record.quota == quota && record.is_told_spent == is_over && record.is_told_nearly == is_nearly) return is_over;
    const auto tell = [&](LogLevel level, std::string_view what) {
        log(level, what,
            {{"customer", customer.settings.id},
             {"peer", record.peer},
             {"bytes", std::to_string(record.bytes())},
             {"quota", std::to_string(quota)}});
    };
    if (is_over && !record.is_told_spent) {
        tell(LogLevel::kWarn, "quota_spent");
    } else if (is_nearly && !record.is_told_nearly) {
        tell(LogLevel::kInfo, "quota_nearly_spent");
    } else if (!is_over && record.is_told_spent) {
        tell(LogLevel::kInfo, "quota_raised");
    }
    UsageRecord& changed = file_.change(place);
    changed.quota = quota;
    changed.is_told_spent = is_over;
    changed.is_told_nearly = is_nearly;
    return is_over;
}

// Once for each peer and end, also beyond a restart: the record remembers it.
void UsageBook::tell_expiries(Now now) {
    expiries_due_ = now.instant + kExpiryInterval;
    const std::int64_t soon = std::chrono::nanoseconds(kSoon).count();
    for (const auto& [id, customer] : customers_.customers()) {
        if (customer.settings.suspended) continue;
        for (const HeldPeer& peer : customer.peers) {
            const WallTime expires = peer.config.settings.expires;
            if (expires == WallTime{} || expires <= now.wall || expires.nanoseconds - now.wall.nanoseconds > soon)
                continue;
            const auto seconds = static_cast<std::uint64_t>(expires.nanoseconds / std::nano::den);
            const std::string& name = peer.config.settings.name;
            if (const UsageRecord* known = file_.find(id, name); known != nullptr && known->told_expiry == seconds)
                continue;
            file_.change(file_.find_or_make(id, name)).told_expiry = seconds;
            log(LogLevel::kInfo, "peer_expires_soon",
                {{"customer", id}, {"peer", name}, {"expires", utc_text(expires)}});
        }
    }
}

// Says once that it fails, until it succeeds again.
void UsageBook::write() {
    const Status written = file_.write();
    if (!written && !std::exchange(has_failed_, true))
        log(LogLevel::kWarn, "usage_not_kept",
            {{"reason", written.error().what}, {"counting", "goes on in memory, and is written when there is room"}});
    if (written && std::exchange(has_failed_, false)) log(LogLevel::kInfo, "usage_kept_again");
    if (file_.is_full() && !std::exchange(is_full_, true))
        log(LogLevel::kWarn, "usage_not_kept",
            {{"reason", "the month has as many records as its file may have"},
             {"records", std::to_string(kMostUsageRecords)}});
}

void UsageBook::flush() {
    write();
}

void UsageBook::forget(PeerIndex peer) {
    if (peer.value < seen_.size()) seen_[peer.value] = {};
}

ipc::MonthUsage UsageBook::of(std::string_view customer, std::string_view peer) const {
    const UsageRecord* const record = file_.find(customer, peer);
    if (record == nullptr) return {};
    return {record->rx_bytes, record->tx_bytes, record->is_told_spent};
}

}  // namespace warren::vpnd
