#include "web/model/backoff.h"

#include <algorithm>

namespace warren::web {

namespace {

std::string key_of(const IpAddress& address) {
    if (address.is_v4_mapped()) return to_string(IpAddress::from_bytes(Bytes(address.octets).last(4)));
    return to_string(address.is_v4() ? address : address.masked(64));
}

}  // namespace

Duration Backoff::wait_of(Instant now, const Entries& entries, const std::string& key, Duration most) {
    const auto found = entries.find(key);
    if (found == entries.end() || found->second.tries < kFree || now - found->second.last >= kForget)
        return Duration::zero();
    const auto doublings = std::min(found->second.tries - kFree, 20U);
    const Duration wait = std::min<Duration>(std::chrono::seconds(1) * (std::int64_t{1} << doublings), most);
    return std::max(found->second.last + wait - now, Duration::zero());
}

void Backoff::count(Instant now, Entries& entries, const std::string& key) {
    if (entries.size() >= kMaxEntries && !entries.contains(key)) {
        std::erase_if(entries, [now](const auto& one) { return now - one.second.last >= kForget; });
        if (entries.size() >= kMaxEntries) {
            entries.erase(std::min_element(entries.begin(), entries.end(),
                                           [](const auto& a, const auto& b) { return a.second.last < b.second.last; }));
        }
    }
    Entry& entry = entries[key];
    if (now - entry.last >= kForget) entry.tries = 0;
    ++entry.tries;
    entry.last = now;
}

Duration Backoff::attempt(Instant now, const std::string& user, const IpAddress& address) {
    const std::string from = key_of(address);
    const Duration wait =
        std::max(wait_of(now, users_, user, kMaxForUser), wait_of(now, addresses_, from, kMaxForAddress));
    if (wait > Duration::zero()) return wait;
    count(now, users_, user);
    count(now, addresses_, from);
    return Duration::zero();
}

void Backoff::succeed(const std::string& user, const IpAddress& address) {
    users_.erase(user);
    addresses_.erase(key_of(address));
}

}  // namespace warren::web
