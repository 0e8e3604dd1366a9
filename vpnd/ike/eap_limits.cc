#include "vpnd/ike/eap_limits.h"

namespace warren::ike {

namespace {

template <typename Map, typename Key>
std::size_t count_of(const Map& map, const Key& key) {
    const auto found = map.find(key);
    return found == map.end() ? 0 : found->second;
}

template <typename Map, typename Key>
void subtract(Map& map, const Key& key) {
    const auto found = map.find(key);
    if (--found->second == 0) map.erase(found);
}

template <typename Map, typename Key>
bool is_paused_in(const Map& map, const Key& key, Instant now) {
    const auto found = map.find(key);
    return found != map.end() && found->second.is_paused(now);
}

}  // namespace

EapLimits::EapLimits(crypto::RandomSource& random)
    : of_prefix_(0, control::KeyedHash(random)),
      failures_(0, PlaceHash{control::KeyedHash(random)}),
      failures_of_prefix_(0, control::KeyedHash(random)) {}

bool EapLimits::has_room(CustomerIndex customer, const IpAddress& prefix, bool is_stranger) const {
    return entries_.size() < kMostEap && (!is_stranger || strangers_ < kMostEapOfStrangers) &&
           count_of(of_customer_, customer) < kMostEapOfCustomer && count_of(of_prefix_, prefix) < kMostEapOfPrefix;
}

void EapLimits::add(std::uint32_t slot, CustomerIndex customer, const IpAddress& prefix, bool is_stranger) {
    entries_[slot] = {customer, prefix, is_stranger};
    ++of_customer_[customer];
    ++of_prefix_[prefix];
    if (is_stranger) ++strangers_;
}

bool EapLimits::move(std::uint32_t slot, CustomerIndex customer) {
    const auto found = entries_.find(slot);
    if (found == entries_.end() || found->second.customer == customer) return found != entries_.end();
    if (count_of(of_customer_, customer) >= kMostEapOfCustomer) return false;
    subtract(of_customer_, found->second.customer);
    ++of_customer_[customer];
    found->second.customer = customer;
    return true;
}

void EapLimits::remove(std::uint32_t slot) {
    const auto found = entries_.find(slot);
    if (found == entries_.end()) return;
    subtract(of_customer_, found->second.customer);
    subtract(of_prefix_, found->second.prefix);
    if (found->second.is_stranger) --strangers_;
    entries_.erase(found);
}

bool EapLimits::is_paused(Instant now, CustomerIndex customer, const IpAddress& prefix) const {
    return is_paused_in(failures_, Place{customer, prefix}, now);
}

bool EapLimits::is_paused(Instant now, const IpAddress& prefix) const {
    return is_paused_in(failures_of_prefix_, prefix, now);
}

void EapLimits::note_failure(Instant now, CustomerIndex customer, const IpAddress& prefix) {
    note(failures_, {customer, prefix}, now, kFreeEapFailures);
    note(failures_of_prefix_, prefix, now, kFreeEapFailuresOfPrefix);
}

// With a full table new ones have no pauses; each user still has its own (auth/eap/users.h).
template <typename Map>
void EapLimits::note(Map& map, const typename Map::key_type& key, Instant now, unsigned free) {
    if (map.size() >= kEapFailuresTable && !map.contains(key)) {
        if (now - swept_ < kEapFailuresSweep) return;
        swept_ = now;
        const auto is_forgotten = [now](const auto& entry) { return entry.second.is_forgotten(now); };
        std::erase_if(failures_, is_forgotten);
        std::erase_if(failures_of_prefix_, is_forgotten);
        if (map.size() >= kEapFailuresTable) return;
    }
    map[key].note(now, free);
}

}  // namespace warren::ike
