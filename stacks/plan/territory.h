// Whose an address is: of networks that contain each other, the most specific one decides, as a route does. PURE.
#pragma once

#include <cstddef>
#include <map>
#include <vector>

#include "base/ip.h"

namespace warren::stacks {

// Both ends are in it, and of one family.
struct AddressRange {
    IpAddress first;
    IpAddress last;
    auto operator<=>(const AddressRange&) const = default;
};

[[nodiscard]] AddressRange range_of(const Prefix& network);

// A network without host bits -> the number of its owner, below `owners`.
using Claims = std::map<Prefix, std::size_t>;

// What each owner has: sorted, disjoint, and never one right behind the other.
[[nodiscard]] std::vector<std::vector<AddressRange>> territories(const Claims& claims, std::size_t owners);
// All addresses that are in some of these ranges, in the same form.
[[nodiscard]] std::vector<AddressRange> united(std::vector<AddressRange> ranges);

}  // namespace warren::stacks
