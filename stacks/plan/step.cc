#include "stacks/plan/step.h"

namespace warren::stacks {

namespace {

std::string describe_route(const Route& route) {
    if (route.type == RouteType::kUnreachable) return "unreachable " + to_string(route.to);
    std::string text = to_string(route.to);
    if (route.via) text += " via " + to_string(*route.via);
    return text + " dev " + route.device;
}

std::string describe_handoff(const CreateHandoff& step) {
    const Handoff& handoff = step.handoff;
    switch (handoff.type) {
        case config::HandoffType::kVeth: return "create lan0: veth, far end " + handoff.outer;
        case config::HandoffType::kMacvlan: return "create lan0: macvlan on " + handoff.parent;
        case config::HandoffType::kVlan:
            return "create lan0: vlan " + std::to_string(handoff.vlan_id.value_or(0)) + " on " + handoff.parent;
        case config::HandoffType::kPhysical: return "move " + step.source + " into the stack as lan0";
    }
    return "create lan0";
}

struct Describer {
    std::string operator()(const CreateNamespace&) const { return "create the namespace"; }
    std::string operator()(const RemoveNamespace&) const { return "remove the namespace"; }
    std::string operator()(const GiveName& step) const { return "name the namespace " + step.name; }
    std::string operator()(const DropName&) const { return "remove a name of the namespace"; }
    std::string operator()(const SetOwner&) const { return "mark the stack as the customer's"; }
    std::string operator()(const SetSysctls& step) const {
        constexpr std::size_t kShown = 4;  // a new stack has dozens, a repaired one a few
        if (step.sysctls.size() > kShown) return "set " + std::to_string(step.sysctls.size()) + " sysctls";
        std::string text = "set";
        for (const Sysctl& sysctl : step.sysctls) text += " " + sysctl.path + "=" + sysctl.value;
        return text;
    }
    std::string operator()(const SetFirewall& step) const {
        return (step.replaces ? "replace the firewall: " : "load the firewall: ") +
               std::to_string(rule_count(step.firewall)) + " rules";
    }
    std::string operator()(const SetMembers& step) const {
        std::string text = "change members of the firewall's";
        for (const KeyList& list : step.lists) text += " " + list.name;
        return text;
    }
    std::string operator()(const CreateTunnel& step) const {
        return step.queues == 1 ? "create vpn0" : "create vpn0 with " + std::to_string(step.queues) + " queues";
    }
    std::string operator()(const RemoveTunnel&) const { return "remove vpn0"; }
    std::string operator()(const SetNoQueue& step) const { return "set " + step.device + " qdisc noqueue"; }
    std::string operator()(const SetQueueLength& step) const {
        return "set " + step.device + " queue length " + std::to_string(step.packets);
    }
    std::string operator()(const SetMtu& step) const {
        return "set " + step.device + " mtu " + std::to_string(step.mtu);
    }
    std::string operator()(const SetUp& step) const { return "set " + step.device + (step.up ? " up" : " down"); }
    std::string operator()(const AddAddress& step) const {
        return "add address " + to_string(step.prefix) + " to " + step.device;
    }
    std::string operator()(const RemoveAddress& step) const {
        return "remove address " + to_string(step.prefix) + " from " + step.device;
    }
    std::string operator()(const PutRoute& step) const { return "put route " + describe_route(step.route); }
    std::string operator()(const RemoveRoute& step) const { return "remove route " + describe_route(step.route); }
    std::string operator()(const CreateHandoff& step) const { return describe_handoff(step); }
    std::string operator()(const RemoveHandoff& step) const { return "remove " + step.device; }
    std::string operator()(const ReturnHandoff& step) const {
        return "return " + step.device + " to the uplink as " + step.home;
    }
    std::string operator()(const SetBridge& step) const {
        if (step.bridge.empty()) return "take " + step.device + " out of its bridge";
        return "put " + step.device + " into bridge " + step.bridge;
    }
    std::string operator()(const SetUplinkUp& step) const { return "set " + step.device + " up (uplink)"; }
    std::string operator()(const RemoveUplink& step) const { return "remove stale " + step.device + " (uplink)"; }
    std::string operator()(const RenameUplink& step) const {
        return "rename " + step.device + " to " + step.name + " (uplink)";
    }
    std::string operator()(const RenameOuter& step) const {
        return "rename " + step.device + " to " + step.name + " (uplink)";
    }
};

}  // namespace

std::string describe(const Step& step) {
    return std::visit(Describer{}, step);
}

std::vector<std::string> describe(const std::vector<Step>& steps) {
    std::vector<std::string> out;
    std::size_t put = 0;
    std::size_t removed = 0;
    for (const Step& step : steps) {
        const bool is_shown = std::holds_alternative<PutRoute>(step)      ? ++put <= kShownRoutes
                              : std::holds_alternative<RemoveRoute>(step) ? ++removed <= kShownRoutes
                                                                          : true;
        if (is_shown) out.push_back(describe(step));
    }
    if (put > kShownRoutes) out.push_back("put " + std::to_string(put - kShownRoutes) + " more routes");
    if (removed > kShownRoutes) out.push_back("remove " + std::to_string(removed - kShownRoutes) + " more routes");
    return out;
}

}  // namespace warren::stacks
