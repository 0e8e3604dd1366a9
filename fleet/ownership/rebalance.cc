#include "fleet/ownership/rebalance.h"

#include <algorithm>
#include <map>

namespace warren::fleet {

std::vector<PlannedMove> plan_rebalance(std::vector<PlacedGroup> groups, const std::vector<std::string>& nodes) {
    std::map<std::string, std::size_t> counts;
    for (const std::string& node : nodes) counts[node] = 0;
    std::erase_if(groups, [&counts](const PlacedGroup& group) { return !counts.contains(group.owner); });
    for (const PlacedGroup& group : groups) ++counts[group.owner];
    std::vector<PlannedMove> out;
    const auto is_fewer = [](const auto& a, const auto& b) { return a.second < b.second; };
    while (!groups.empty()) {
        const auto most = std::max_element(counts.begin(), counts.end(), is_fewer);
        const auto fewest = std::min_element(counts.begin(), counts.end(), is_fewer);
        if (most->second <= fewest->second + 1) break;
        // Of the nodes that have equally few, the one that ranks highest for one of the groups.
        const PlacedGroup* chosen = nullptr;
        std::string to;
        for (const auto& [node, count] : counts) {
            if (count != fewest->second) continue;
            for (const PlacedGroup& group : groups) {
                if (group.owner != most->first) continue;
                if (chosen != nullptr && rank(group.group, node) <= rank(chosen->group, to)) continue;
                chosen = &group;
                to = node;
            }
        }
        if (chosen == nullptr) break;  // what is left of that node's has been planned already
        const GroupNumber number = chosen->group;
        out.push_back({number, chosen->owner, to, chosen->epoch, chosen->peers});
        --counts[chosen->owner];
        ++counts[to];
        std::erase_if(groups, [number](const PlacedGroup& group) { return group.group == number; });
    }
    return out;
}

}  // namespace warren::fleet
