// Where groups would be if every node had its share, and the fewest moves that lead there. PURE.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "fleet/ownership/ownership.h"

namespace warren::fleet {

struct PlacedGroup {
    GroupNumber group = 0;
    std::string owner;
    std::uint64_t epoch = 0;
    std::size_t peers = 0;  // with a session, as its owner says
};
struct PlannedMove {
    GroupNumber group = 0;
    std::string from;
    std::string to;
    std::uint64_t epoch = 0;  // of the group as it was planned
    std::size_t peers = 0;
    bool operator==(const PlannedMove&) const = default;
};

// `nodes`: those that may get a group; each is to have its share by weight, rounded to a whole number: of equal weights
// as many as the others, or one more. A group whose owner is none of them is left out: it is taken or given anyway. Of
// a node that has too many those go first for which the node that has too few ranks highest, so that as many as can be
// are where a takeover would bring them. The same on every node; after all moves were made, the plan is empty.
[[nodiscard]] std::vector<PlannedMove> plan_rebalance(std::vector<PlacedGroup> groups, const std::vector<Place>& nodes);

}  // namespace warren::fleet
