#include "vpnd/ike/half_open.h"

namespace warren::ike {

HalfOpen::HalfOpen(crypto::RandomSource& random)
    : sources_(kInitsOfPrefix, kPrefixTable, kPrefixIdle, random),
      known_(kInitsOfKnownPrefix, kKnownPrefixTable, kKnownPrefixLife, random),
      of_prefix_(0, control::KeyedHash(random)) {}

HalfOpen::Admission HalfOpen::admit(Instant now, const IpAddress& prefix, bool has_cookie) {
    const auto found = of_prefix_.find(prefix);
    const std::size_t present = found == of_prefix_.end() ? 0 : found->second;
    if (has_cookie) {
        if (!sources_.allow(now, prefix)) return Admission::kRateLimited;
        return present < kMostHalfOpenOfPrefixWithCookie ? Admission::kTake : Admission::kFull;
    }
    if (present >= kMostHalfOpenOfPrefix) return Admission::kCookie;
    if (wants_cookies(now)) {
        // Whoever forges a known address uses up its budget at most.
        const bool is_known = known_.allow(now, prefix) && all_known_.take(now, kInitsOfKnownPrefixes);
        return is_known ? Admission::kTake : Admission::kCookie;
    }
    // Forged sources are not remembered one by one: together they bring about that cookies are wanted.
    (void)inits_.take(now, kInits);
    return Admission::kTake;
}

void HalfOpen::add(std::uint32_t slot, const IpAddress& prefix, bool has_cookie) {
    entries_[slot] = {prefix, ++order_};
    ++of_prefix_[prefix];
    if (!has_cookie) without_cookie_[order_] = slot;
}

void HalfOpen::remove(std::uint32_t slot) {
    const auto found = entries_.find(slot);
    if (found == entries_.end()) return;
    const auto count = of_prefix_.find(found->second.prefix);
    if (--count->second == 0) of_prefix_.erase(count);
    without_cookie_.erase(found->second.order);
    entries_.erase(found);
}

std::optional<std::uint32_t> HalfOpen::oldest_without_cookie() const {
    return without_cookie_.empty() ? std::nullopt : std::optional(without_cookie_.begin()->second);
}

}  // namespace warren::ike
