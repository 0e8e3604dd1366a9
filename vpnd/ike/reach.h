// What leads to a peer that is one of many: the prefixes of its selectors.
#pragma once

#include <span>
#include <vector>

#include "base/ip.h"
#include "vpnd/ike/payload.h"

namespace warren::ike {

inline constexpr std::size_t kMostReach = 64;  // prefixes of one peer of the data plane

// The prefixes that together are the range.
[[nodiscard]] std::vector<Prefix> prefixes_of(const TrafficSelector& range);
// What a peer with these selectors on its side may have of `routes`: each once, in order, kMostReach at most.
[[nodiscard]] std::vector<Prefix> reach_of(std::span<const TrafficSelector> remote, std::span<const Prefix> routes);

}  // namespace warren::ike
