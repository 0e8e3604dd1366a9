#include "fleet/rim/placement.h"

#include <algorithm>
#include <chrono>
#include <string>

#include "base/json_members.h"
#include "base/log.h"
#include "fleet/ownership/rebalance.h"
#include "fleet/records/records.h"

namespace warren::fleet {

namespace {

using nlohmann::json;

json refused(const std::string& why) {
    return {{"error", why}};
}

bool may_get_groups(const Ownership::NodeView& node) {
    return node.is_alive && !node.is_draining && node.can_serve;
}

}  // namespace

json answer_groups(const ConfigurationSocket::Look& look) {
    const auto placement = look();
    if (!placement) return refused(placement.error().what);
    json groups = json::array();
    for (const Ownership::GroupView& group : placement->groups)
        groups.push_back(
            {{"group", group.group},
             {"owner", group.record.owner},
             {"epoch", group.record.epoch},
             {"well", group.is_well},
             {"peers", std::uint64_t{group.peers}},
             {"rest", static_cast<std::uint64_t>(std::chrono::ceil<std::chrono::milliseconds>(group.rest).count())}});
    json nodes = json::array();
    for (const Ownership::NodeView& node : placement->nodes)
        nodes.push_back({{"node", node.name},
                         {"alive", node.is_alive},
                         {"drains", node.is_draining},
                         {"serves", node.can_serve},
                         {"weight", node.weight},
                         {"zone", node.zone}});
    return {{"groups", groups}, {"nodes", nodes}};
}

json answer_plan(const json& question, const ConfigurationSocket::Look& look) {
    const auto placement = look();
    if (!placement) return refused(placement.error().what);
    std::vector<PlacedGroup> groups;
    for (const Ownership::GroupView& group : placement->groups) {
        if (!group.is_broken && group.record.epoch != 0)
            groups.push_back({group.group, group.record.owner, group.record.epoch, group.peers});
    }
    std::vector<Place> nodes;
    json names = json::array();
    for (const Ownership::NodeView& node : placement->nodes) {
        if (!may_get_groups(node)) continue;
        nodes.push_back({node.name, node.weight, node.zone});
        names.push_back(node.name);
    }
    const std::vector<PlannedMove> plan = plan_rebalance(std::move(groups), nodes);
    const std::uint64_t most = number_of(question, "max");
    json moves = json::array();
    for (const PlannedMove& move : plan) {
        if (most != 0 && moves.size() == most) break;
        moves.push_back({{"group", move.group},
                         {"from", move.from},
                         {"to", move.to},
                         {"epoch", move.epoch},
                         {"peers", std::uint64_t{move.peers}}});
    }
    return {{"moves", moves}, {"all", plan.size()}, {"nodes", names}};
}

json answer_wish(const json& question, const ConfigurationSocket::Ask& ask, const ConfigurationSocket::Look& look) {
    const auto placement = look();
    if (!placement) return refused(placement.error().what);
    const std::uint64_t number = number_of(question, "group");
    const std::string to = text_of(question, "to");
    const auto group = std::find_if(placement->groups.begin(), placement->groups.end(),
                                    [number](const auto& each) { return each.group == number; });
    if (group == placement->groups.end()) return refused("there is no such group");
    if (group->is_broken || group->record.epoch != number_of(question, "epoch"))
        return refused("the group has changed its owner since");
    // Its owner looks as well. One that does not serve it lets it go.
    const bool is_undo = flag_of(question, "undo");
    if (group->rest > Duration::zero() && group->is_well && !is_undo)
        return refused(keeps_owner(group->group, group->rest));
    const auto node = std::find_if(placement->nodes.begin(), placement->nodes.end(),
                                   [&to](const auto& each) { return each.name == to; });
    if (node == placement->nodes.end() || !may_get_groups(*node))
        return refused("node " + to + " is not known, gives no sign of life, drains, or cannot serve");
    const auto text =
        ask(kTransactionTarget, wish_request(group->group, {to, group->record.epoch, is_undo}, group->record.changed));
    const auto done = text ? parse_answer(*text) : tl::unexpected<Error>(text.error());
    if (!done) return refused(done.error().what);
    if (!done->accepted) return refused("the group has changed its owner since");
    log(LogLevel::kInfo, "group_wished", {{"group", std::to_string(number)}, {"to", to}});
    return json::object();
}

}  // namespace warren::fleet
