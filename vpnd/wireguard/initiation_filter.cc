#include "vpnd/wireguard/initiation_filter.h"

#include <algorithm>

namespace warren::wireguard {

InitiationFilter::Place InitiationFilter::place_of(const Mac& mac1) const {
    const std::uint64_t hash = hash_.of(mac1);
    return {hash % kSets, static_cast<std::uint32_t>(hash >> 32) | 1U};
}

bool InitiationFilter::contains(const Mac& mac1) const {
    if (sets_.empty()) return false;
    const Place place = place_of(mac1);
    const Set& set = sets_[place.set];
    return std::find(set.begin(), set.end(), place.tag) != set.end();
}

void InitiationFilter::insert(const Mac& mac1) {
    if (sets_.empty()) sets_.resize(kSets);
    const Place place = place_of(mac1);
    Set& set = sets_[place.set];
    std::shift_right(set.begin(), set.end(), 1);
    set.front() = place.tag;
}

}  // namespace warren::wireguard
