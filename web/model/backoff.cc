#include "web/model/backoff.h"

#include <algorithm>

#include "web/model/http.h"

namespace warren::web {

namespace {

using Trust = LoginRank::Trust;

std::string key_of(const IpAddress& address) {
    return to_string(site_of(address));
}

std::string pair_of(const Backoff::Client& client) {
    return client.user + ' ' + key_of(client.address);
}

// Makes room for one more: what `is_old` accepts goes, or else what `time_of` says is the oldest.
template <typename Map, typename IsOld, typename TimeOf>
void make_room(Map& map, IsOld is_old, TimeOf time_of) {
    if (map.size() < Backoff::kMaxEntries) return;
    std::erase_if(map, is_old);
    if (map.size() < Backoff::kMaxEntries) return;
    map.erase(std::min_element(map.begin(), map.end(),
                               [&](const auto& a, const auto& b) { return time_of(a) < time_of(b); }));
}

}  // namespace

Duration Backoff::wait_of(Instant now, const Entries& entries, const std::string& key, Duration most) {
    const auto found = entries.find(key);
    if (found == entries.end()) return Duration::zero();
    const auto& [tries, pending, last] = found->second;
    const std::uint32_t failed = now - last >= kForget ? 0 : tries;
    if (failed + pending < kFree) return Duration::zero();
    const auto doublings = std::min(failed + pending - kFree, 20U);
    const Duration wait = std::min<Duration>(std::chrono::seconds(1) * (std::int64_t{1} << doublings), most);
    return pending > 0 ? wait : std::max(last + wait - now, Duration::zero());
}

Backoff::Entry& Backoff::entry_of(Instant now, Entries& entries, const std::string& key) {
    if (const auto found = entries.find(key); found != entries.end()) return found->second;
    make_room(
        entries, [now](const auto& one) { return one.second.pending == 0 && now - one.second.last >= kForget; },
        [](const auto& one) { return one.second.last; });
    return entries[key] = {0, 0, now};
}

void Backoff::settle(Entries& entries, const std::string& key, bool forget) {
    const auto found = entries.find(key);
    if (found == entries.end()) return;  // others took its place
    Entry& entry = found->second;
    if (entry.pending > 0) --entry.pending;
    if (forget) entry.tries = 0;
    if (entry.pending == 0 && entry.tries == 0) entries.erase(found);
}

LoginRank Backoff::rank_of(Instant now, const Client& client) const {
    const auto failures = [now](const Entries& entries, const std::string& key) {
        const auto found = entries.find(key);
        return found != entries.end() && now - found->second.last < kForget ? found->second.tries : 0;
    };
    if (!client.device.empty()) return {Trust::kDevice, failures(devices_, client.device)};
    const auto known = known_.find(pair_of(client));
    const bool is_known = known != known_.end() && now - known->second < kRemember;
    return {is_known ? Trust::kAddress : Trust::kNone, failures(addresses_, key_of(client.address))};
}

template <typename Each>
void Backoff::for_each(const Client& client, Each each) {
    if (client.rank.trust == Trust::kDevice) return each(devices_, client.device, kMaxForAddress);
    each(addresses_, key_of(client.address), kMaxForAddress);
    if (client.rank.trust == Trust::kNone) each(users_, client.user, kMaxForUser);
}

Duration Backoff::begin(Instant now, Client& client) {
    client.rank = rank_of(now, client);
    Duration wait = Duration::zero();
    for_each(client, [&](const Entries& entries, const std::string& key, Duration most) {
        wait = std::max(wait, wait_of(now, entries, key, most));
    });
    if (wait > Duration::zero()) return wait;
    for_each(client,
             [&](Entries& entries, const std::string& key, Duration) { ++entry_of(now, entries, key).pending; });
    return Duration::zero();
}

void Backoff::fail(Instant now, const Client& client) {
    for_each(client, [&](Entries& entries, const std::string& key, Duration) {
        Entry& entry = entry_of(now, entries, key);
        if (now - entry.last >= kForget) entry.tries = 0;
        if (entry.pending > 0) --entry.pending;
        ++entry.tries;
        entry.last = now;
    });
}

void Backoff::succeed(Instant now, const Client& client) {
    for_each(client, [&](Entries& entries, const std::string& key, Duration) { settle(entries, key, true); });
    make_room(
        known_, [now](const auto& one) { return now - one.second >= kRemember; },
        [](const auto& one) { return one.second; });
    known_[pair_of(client)] = now;
}

void Backoff::abandon(const Client& client) {
    for_each(client, [&](Entries& entries, const std::string& key, Duration) { settle(entries, key, false); });
}

}  // namespace warren::web
