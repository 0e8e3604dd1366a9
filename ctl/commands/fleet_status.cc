#include "ctl/commands/fleet_status.h"

#include <ostream>
#include <string>
#include <vector>

#include "ctl/ask/control_client.h"
#include "ctl/ask/fleet_client.h"
#include "ctl/show/json.h"
#include "ctl/show/json_views.h"

namespace warren::ctl {

namespace {

Json node_of(const FleetNodeState& node) {
    Json out;
    out["node"] = node.name;
    out["alive"] = node.is_alive;
    out["drains"] = node.is_draining;
    out["serves"] = node.can_serve;
    out["weight"] = node.weight;
    out["zone"] = node.zone.empty() ? Json() : Json(node.zone);
    return out;
}

Json group_of(const FleetGroup& group) {
    Json out;
    out["group"] = group.group;
    out["owner"] = group.owner.empty() ? Json() : Json(group.owner);
    out["epoch"] = group.epoch;
    out["well"] = group.is_well;
    out["peers"] = group.peers;
    out["keeps_owner_seconds"] = std::chrono::ceil<std::chrono::seconds>(group.rest).count();
    return out;
}

}  // namespace

int show_fleet_json(const ipc::ControlRequest& request, const Invocation& invocation, Output& output) {
    std::vector<ipc::ControlText> texts;
    const auto done =
        ask_fleetd(invocation.run_dir, request, [&](const ipc::ControlText& text) { texts.push_back(text); });
    if (!done)
        return complain(output, done.error().code == ErrorCode::kUnavailable ? kUnreachable : kFailed,
                        done.error().what);
    Json out = Json::parse(control_json(texts, *done), nullptr, false);
    out["nodes"] = Json::array();
    out["groups"] = Json::array();
    if (const auto nodes = fleet_nodes(invocation.run_dir)) {
        for (const FleetNodeState& node : *nodes) out["nodes"].push_back(node_of(node));
    }
    if (const auto groups = fleet_groups(invocation.run_dir)) {
        for (const FleetGroup& group : *groups) out["groups"].push_back(group_of(group));
    }
    output.out << dump(out);
    return done->exit_status;
}

}  // namespace warren::ctl
