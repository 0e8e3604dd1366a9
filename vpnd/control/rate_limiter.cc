#include "vpnd/control/rate_limiter.h"

namespace warren::control {

IpAddress source_prefix_of(const IpAddress& address) {
    if (address.is_v4_mapped()) return IpAddress::from_bytes(Bytes(address.octets).last(4));
    return address.masked(address.is_v4() ? kSourcePrefixV4 : kSourcePrefixV6);
}

void KnownSources::remember(Instant now, const IpAddress& address) {
    if (now - last_sweep_ >= life_) {
        std::erase_if(entries_, [&](const auto& entry) { return now - entry.second.completed >= life_; });
        last_sweep_ = now;
    }
    const IpAddress source = source_prefix_of(address);
    if (entries_.size() >= limit_ && !entries_.contains(source)) return;
    entries_[source].completed = now;
}

bool KnownSources::allow(Instant now, const IpAddress& address) {
    if (!knows(now, address)) return false;
    return entries_.find(source_prefix_of(address))->second.bucket.take(now, rate_);
}

bool KnownSources::knows(Instant now, const IpAddress& address) const {
    const auto found = entries_.find(source_prefix_of(address));
    return found != entries_.end() && now - found->second.completed < life_;
}

}  // namespace warren::control
