// Which nodes are to have a group, in which order: weighted rendezvous hashing. PURE.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace warren::fleet {

using GroupNumber = std::uint16_t;

inline constexpr unsigned kLeastWeight = 1;
inline constexpr unsigned kMostWeight = 100;

// A node that may have groups.
struct Place {
    std::string node;
    unsigned weight = kLeastWeight;  // its share of the groups, next to those of the others
    std::string zone = {};           // what fails together with it; "": not known
};

// Another number for each group and node, evenly spread.
[[nodiscard]] std::uint64_t rank(GroupNumber group, const std::string& node);
// Whether the rank of `a` for group `of_a` is higher than that of `b` for `of_b`: the greater weight / -log(rank /
// 2^64) of the two, and of equal weights the greater rank. So of many groups each node is first for its share; a node
// that goes moves only groups for which it was first, and one that comes only those for which it is. Computed in
// integers: the same on every machine.
[[nodiscard]] bool is_ahead(GroupNumber of_a, const Place& a, GroupNumber of_b, const Place& b);
// The first by rank first; but those of another zone than `zone` come before all others, unless it is "". A node whose
// zone is not known is of no other zone.
void sort_by_rank(GroupNumber group, std::string_view zone, std::vector<Place>& places);

}  // namespace warren::fleet
