#include "fleet/ownership/rebalance.h"

#include <algorithm>
#include <cstdint>
#include <map>

namespace warren::fleet {

namespace {

struct Load {
    Place place;
    std::uint64_t groups = 0;
};

// A node's share ends half a group above what it has: so shares are rounded, and not cut off. Of (groups +- 1/2) /
// weight, twice.
bool is_less(std::uint64_t groups, unsigned weight, std::uint64_t other_groups, unsigned other_weight) {
    return groups * other_weight < other_groups * weight;
}
bool gives_later(const Load& a, const Load& b) {
    const auto rest = [](const Load& load) { return load.groups == 0 ? 0 : load.groups * 2 - 1; };
    return is_less(rest(a), a.place.weight, rest(b), b.place.weight);
}
bool gets_sooner(const Load& a, const Load& b) {
    return is_less(a.groups * 2 + 1, a.place.weight, b.groups * 2 + 1, b.place.weight);
}

}  // namespace

// Who gives is never one that got: what a node has after it got a group is not more than what any other would have
// with one more.
std::vector<PlannedMove> plan_rebalance(std::vector<PlacedGroup> groups, const std::vector<Place>& nodes) {
    std::map<std::string, Load> loads;
    for (const Place& node : nodes) loads[node.node] = {node, 0};
    std::erase_if(groups, [&loads](const PlacedGroup& group) { return !loads.contains(group.owner); });
    for (const PlacedGroup& group : groups) ++loads[group.owner].groups;
    std::vector<PlannedMove> out;
    const auto gives_last = [](const auto& a, const auto& b) { return gives_later(a.second, b.second); };
    const auto gets_first = [](const auto& a, const auto& b) { return gets_sooner(a.second, b.second); };
    while (!groups.empty()) {
        Load& most = std::max_element(loads.begin(), loads.end(), gives_last)->second;
        const Load& fewest = std::min_element(loads.begin(), loads.end(), gets_first)->second;
        if (most.groups == 0 ||
            !is_less(fewest.groups * 2 + 1, fewest.place.weight, most.groups * 2 - 1, most.place.weight))
            break;
        // Of the nodes that are to get one equally soon, the one that ranks highest for one of the groups.
        const PlacedGroup* chosen = nullptr;
        Load* to = nullptr;
        for (auto& [node, load] : loads) {
            if (gets_sooner(fewest, load)) continue;
            for (const PlacedGroup& group : groups) {
                if (group.owner != most.place.node) continue;
                if (chosen != nullptr && !is_ahead(group.group, load.place, chosen->group, to->place)) continue;
                chosen = &group;
                to = &load;
            }
        }
        if (chosen == nullptr) break;  // what is left of that node's has been planned already
        const GroupNumber number = chosen->group;
        out.push_back({number, chosen->owner, to->place.node, chosen->epoch, chosen->peers});
        --most.groups;
        ++to->groups;
        std::erase_if(groups, [number](const PlacedGroup& group) { return group.group == number; });
    }
    return out;
}

}  // namespace warren::fleet
