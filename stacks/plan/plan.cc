#include "stacks/plan/plan.h"

#include <algorithm>
#include <set>
#include <utility>

namespace warren::stacks {

namespace {

constexpr std::uint32_t kMinIpv6Mtu = 1280;  // RFC 8200 §5

const char* kind_of(config::HandoffType type) {
    switch (type) {
        case config::HandoffType::kVeth: return "veth";
        case config::HandoffType::kMacvlan: return "macvlan";
        case config::HandoffType::kVlan: return "vlan";
        case config::HandoffType::kPhysical: return nullptr;  // any
    }
    return nullptr;
}

// Plans one stack. The functions follow in the order of the steps: the firewall before the first device is up, devices
// before addresses, addresses before routes.
class Planner {
  public:
    Planner(const DesiredStack& desired, const ObservedStack& observed, const ObservedUplink& uplink)
        : desired_(desired),
          observed_(observed),
          uplink_(uplink),
          observed_routes_(observed.routes.begin(), observed.routes.end()) {}

    Plan run() {
        if (!observed_.exists) step(CreateNamespace{desired_.owner});
        set_sysctls(desired_.sysctls);
        set_firewall();
        set_up(kLoopback, observed_.link(kLoopback));
        put_guards();
        prepare_tunnel();
        prepare_handoff();
        set_addresses(kTunnelDevice, desired_.addresses, tunnel_);
        if (has_handoff_) set_addresses(kHandoffDevice, handoff_addresses(), handoff_);
        set_up(kTunnelDevice, tunnel_);
        join_bridge();
        if (has_handoff_ && !desired_.handoff->is_down) set_up(kHandoffDevice, handoff_);
        if (has_handoff_ && desired_.handoff->is_down) set_down(kHandoffDevice, handoff_);
        set_routes();
        check_zones();
        return std::move(plan_);
    }

  private:
    template <typename T>
    void step(T next) {
        plan_.steps.emplace_back(std::move(next));
    }

    void set_sysctls(const std::vector<Sysctl>& wanted) {
        std::vector<Sysctl> wrong;
        for (const Sysctl& sysctl : wanted) {
            const auto now = observed_.sysctls.find(sysctl.path);
            const bool is_missing = now == observed_.sysctls.end();
            // A stack that exists shows whether the kernel has it.
            if (is_missing && sysctl.is_optional && observed_.exists) continue;
            if (is_missing || now->second != sysctl.value) wrong.push_back(sysctl);
        }
        if (!wrong.empty()) step(SetSysctls{std::move(wrong)});
    }

    void set_device_sysctls(const std::string& device, bool with_ipv6, const Link* now) {
        // Observations of an earlier device of this name do not apply to the new one.
        if (now != nullptr) return set_sysctls(device_sysctls(device, with_ipv6));
        std::vector<Sysctl> own = new_device_sysctls(device, with_ipv6);
        if (!own.empty()) step(SetSysctls{std::move(own)});
    }

    void set_firewall() {
        const ObservedFirewall wanted = observed_of(desired_.firewall);
        if (observed_.firewall == wanted) return;
        if (observed_.firewall) {
            ObservedFirewall but_members = wanted;
            but_members.policy = observed_.firewall->policy;
            if (observed_.firewall == but_members && set_members(wanted.policy.lists)) return;
        }
        const bool has_customer_chain = observed_.firewall && observed_.firewall->has_customer_chain;
        step(SetFirewall{desired_.firewall, observed_.firewall.has_value(), has_customer_chain,
                         observed_.firewall ? observed_.firewall->policy : ObservedPolicy()});
    }

    // False: there are not the same lists.
    bool set_members(const std::vector<KeyList>& wanted) {
        const std::vector<KeyList>& present = observed_.firewall->policy.lists;
        SetMembers change;
        for (const KeyList& list : wanted) {
            const auto found = std::find_if(present.begin(), present.end(), [&list](const KeyList& other) {
                return other.name == list.name && other.key == list.key;
            });
            if (found == present.end()) return false;
            if (found->members != list.members) change.lists.push_back(list);
        }
        if (wanted.size() != present.size()) return false;
        step(std::move(change));
        return true;
    }

    void set_up(const std::string& device, const Link* now) {
        if (now != nullptr && now->up) return;
        step(SetUp{device, true});
        // Setting a link up restores connected routes, but not ours, nor the IPv6 ones that were removed with the link.
        disturbed_.insert(device);
    }

    void set_down(const std::string& device, const Link* now) {
        if (now == nullptr || !now->up) return;
        step(SetUp{device, false});
    }

    [[nodiscard]] bool is_observed(const Route& route) const { return observed_routes_.contains(route); }

    void put_guards() {
        for (const Route& route : desired_.routes) {
            if (route.type == RouteType::kUnreachable && !is_observed(route)) step(PutRoute{route});
        }
    }

    // The queues of a device that is not open are counted when it is opened.
    [[nodiscard]] bool has_right_queues(const Link& tunnel) const {
        if (tunnel.is_multi_queue != (desired_.queues > 1)) return false;
        return !tunnel.is_multi_queue || tunnel.queues == 0 || tunnel.queues == desired_.queues;
    }

    void prepare_tunnel() {
        tunnel_ = observed_.link(kTunnelDevice);
        if (tunnel_ != nullptr && !has_right_queues(*tunnel_)) {
            step(RemoveTunnel{});
            tunnel_ = nullptr;
        }
        if (tunnel_ == nullptr) {
            step(CreateTunnel{desired_.queues});
            disturbed_.insert(kTunnelDevice);
        }
        if (tunnel_ == nullptr || tunnel_->qdisc != "noqueue") step(SetNoQueue{kTunnelDevice});
        if (tunnel_ == nullptr || tunnel_->queue_length != kTunnelQueueLength)
            step(SetQueueLength{kTunnelDevice, kTunnelQueueLength});
        set_mtu(kTunnelDevice, desired_.mtu, tunnel_);
        set_device_sysctls(kTunnelDevice, desired_.mtu >= kMinIpv6Mtu, tunnel_);
    }

    void set_mtu(const std::string& device, std::uint32_t mtu, const Link* now) {
        if (now != nullptr && now->mtu == mtu) return;
        step(SetMtu{device, mtu});
        // Crossing 1280 removes IPv6 from the device or restores it with default values.
        if (now != nullptr && (now->mtu < kMinIpv6Mtu) != (mtu < kMinIpv6Mtu)) disturbed_.insert(device);
    }

    // The existing handoff is the desired one.
    [[nodiscard]] bool handoff_matches() const {
        const Link* now = observed_.link(kHandoffDevice);
        const Handoff& wanted = *desired_.handoff;
        if (now == nullptr || now->alias != wanted.mark) return false;
        const char* kind = kind_of(wanted.type);
        if (kind != nullptr && now->kind != kind) return false;
        if (wanted.type != config::HandoffType::kVeth) return true;
        const Link* outer = uplink_.link(wanted.outer);
        // A rename that was cut short may leave the name with another stack's device.
        const bool is_ours = outer != nullptr && outer->alias == desired_.owner;
        return is_ours && (now->linked == 0 || now->linked == outer->index);
    }

    void prepare_handoff() {
        if (observed_.link(kUnfinishedHandoff) != nullptr) step(RemoveHandoff{kUnfinishedHandoff});
        const Link* now = observed_.link(kHandoffDevice);
        if (!desired_.handoff) {
            if (now != nullptr) remove_handoff(*now);
            return;
        }
        if (handoff_matches()) {
            has_handoff_ = true;
            handoff_ = now;
        } else {
            const auto create = create_handoff();
            if (!create) {
                plan_.problems.push_back("handoff: " + create.error().what);
                return;
            }
            if (now != nullptr && !remove_handoff(*now)) return;
            if (uplink_.link(desired_.handoff->outer) != nullptr) step(RemoveUplink{desired_.handoff->outer});
            step(*create);
            has_handoff_ = true;
            disturbed_.insert(kHandoffDevice);
        }
        if (desired_.handoff->mtu) set_mtu(kHandoffDevice, handoff_mtu(), handoff_);
        if (is_wider_than_parent())
            plan_.problems.push_back("handoff: the mtu " + std::to_string(*desired_.handoff->mtu) +
                                     " is larger than that of its parent " + desired_.handoff->parent +
                                     " has; that of lan0 is " + std::to_string(handoff_mtu()));
        set_device_sysctls(kHandoffDevice, handoff_mtu() >= kMinIpv6Mtu, handoff_);
    }

    // A device on a parent sends through it: the kernel refuses an MTU larger than the parent's.
    [[nodiscard]] bool is_wider_than_parent() const {
        const Handoff& wanted = *desired_.handoff;
        if (wanted.type != config::HandoffType::kMacvlan && wanted.type != config::HandoffType::kVlan) return false;
        const Link* parent = uplink_.link(wanted.parent);
        return wanted.mtu && parent != nullptr && *wanted.mtu > parent->mtu;
    }

    // The MTU of lan0 when its sysctls are set: configured, current, or inherited from its parent.
    [[nodiscard]] std::uint32_t handoff_mtu() const {
        const Link* parent = uplink_.link(desired_.handoff->parent);
        if (is_wider_than_parent()) return parent->mtu;
        if (desired_.handoff->mtu) return *desired_.handoff->mtu;
        if (handoff_ != nullptr) return handoff_->mtu;
        return parent == nullptr || desired_.handoff->type == config::HandoffType::kVeth ? kMinIpv6Mtu : parent->mtu;
    }

    // The parent's MTU may be too small for IPv6, which the configuration alone does not show.
    std::vector<Prefix> handoff_addresses() {
        std::vector<Prefix> addresses = desired_.handoff->addresses;
        if (handoff_mtu() >= kMinIpv6Mtu) return addresses;
        if (std::erase_if(addresses, [](const Prefix& address) { return !address.address.is_v4(); }) > 0)
            plan_.problems.push_back("handoff: the mtu of lan0 is " + std::to_string(handoff_mtu()) +
                                     ", too small for IPv6");
        return addresses;
    }

    [[nodiscard]] Result<CreateHandoff> create_handoff() const {
        const Handoff& wanted = *desired_.handoff;
        CreateHandoff create{wanted, wanted.parent, desired_.owner};
        if (wanted.type == config::HandoffType::kVeth) {
            const Link* outer = uplink_.link(wanted.outer);
            if (outer != nullptr && outer->alias != desired_.owner)
                return fail(ErrorCode::kConflict,
                            "a device named " + wanted.outer + " exists and is not ours; rename or remove it");
            WARREN_TRY(check_bridge());
            return create;
        }
        if (uplink_.link(wanted.parent) != nullptr || is_here(wanted)) return create;
        if (const Link* lost = uplink_.link_with_alias(wanted.mark);
            lost != nullptr && wanted.type == config::HandoffType::kPhysical) {
            create.source = lost->name;
            return create;
        }
        return fail(ErrorCode::kNotFound, "no device " + wanted.parent + " in the uplink");
    }

    // The parent is this stack's own lan0, moved in as physical: it is returned first and then available.
    [[nodiscard]] bool is_here(const Handoff& wanted) const {
        const Link* now = observed_.link(kHandoffDevice);
        return now != nullptr && home_of(now->alias) == wanted.parent;
    }

    [[nodiscard]] Status check_bridge() const {
        const std::string& parent = desired_.handoff->parent;
        if (parent.empty()) return {};
        const Link* bridge = uplink_.link(parent);
        if (bridge == nullptr) return fail(ErrorCode::kNotFound, "no bridge " + parent + " in the uplink");
        if (bridge->kind != "bridge")
            return fail(ErrorCode::kInvalid, "the parent of a veth must be a bridge, and " + parent + " is none");
        return {};
    }

    bool remove_handoff(const Link& now) {
        disturbed_.insert(kHandoffDevice);
        if (const auto home = home_of(now.alias)) {
            step(ReturnHandoff{*home});
            return true;
        }
        if (now.kind.empty()) {
            plan_.problems.push_back(
                "handoff: lan0 in the stack is a device that Warren did not put there; move it out");
            return false;
        }
        step(RemoveHandoff{});
        return true;
    }

    // Adds before it removes, so that the device always has an address: without one the kernel drops all its routes.
    void set_addresses(const std::string& device, const std::vector<Prefix>& wanted, const Link* now) {
        std::vector<Prefix> present;
        if (now != nullptr) {
            for (const DeviceAddress& address : observed_.addresses) {
                if (address.device == device) present.push_back(address.prefix);
            }
        }
        const auto contains = [](const std::vector<Prefix>& list, const Prefix& prefix) {
            return std::find(list.begin(), list.end(), prefix) != list.end();
        };
        for (const Prefix& prefix : present) {
            if (!contains(wanted, prefix) && blocks(prefix, wanted)) remove_address(device, prefix);
        }
        for (const Prefix& prefix : wanted) {
            if (!contains(present, prefix)) step(AddAddress{device, prefix});
        }
        for (const Prefix& prefix : present) {
            if (!contains(wanted, prefix) && !blocks(prefix, wanted)) remove_address(device, prefix);
        }
    }

    // IPv6 holds an address once per device, whatever its prefix length.
    static bool blocks(const Prefix& present, const std::vector<Prefix>& wanted) {
        return !present.address.is_v4() && std::any_of(wanted.begin(), wanted.end(), [&present](const Prefix& prefix) {
            return prefix.address == present.address;
        });
    }

    void remove_address(const std::string& device, const Prefix& prefix) {
        step(RemoveAddress{device, prefix});
        disturbed_.insert(device);
    }

    // Adds what is missing or may have been lost by an earlier step, then removes the rest.
    void set_routes() {
        for (const Route& route : desired_.routes) {
            if (route.type == RouteType::kUnreachable) continue;
            if (route.device == kHandoffDevice &&
                !(has_handoff_ && (route.to.address.is_v4() || handoff_mtu() >= kMinIpv6Mtu)))
                continue;
            if (!is_observed(route) || disturbed_.contains(route.device)) step(PutRoute{route});
        }
        std::set<std::pair<Prefix, std::uint32_t>> wanted;
        for (const Route& route : desired_.routes) wanted.emplace(route.to, route.metric);
        for (const Route& route : observed_.routes) {
            if (!wanted.contains({route.to, route.metric})) step(RemoveRoute{route});
        }
    }

    void check_zones() {
        for (const PeerZone& zone : desired_.zones) {
            if (uplink_.zone(zone.device)) continue;
            plan_.problems.push_back("peer " + zone.peer + ": no device " + zone.device +
                                     " in the uplink, so its endpoint is not used");
        }
    }

    void join_bridge() {
        if (!has_handoff_ || desired_.handoff->type != config::HandoffType::kVeth) return;
        const Handoff& wanted = *desired_.handoff;
        const Link* outer = handoff_ == nullptr ? nullptr : uplink_.link(wanted.outer);
        const Link* bridge = wanted.parent.empty() ? nullptr : uplink_.link(wanted.parent);
        const std::uint32_t master = outer == nullptr ? 0 : outer->master;
        if (const Status ok = check_bridge(); !ok) {
            plan_.problems.push_back("handoff: " + ok.error().what);
        } else if (master != (bridge == nullptr ? 0 : bridge->index)) {
            step(SetBridge{wanted.outer, wanted.parent});
        }
        if (outer == nullptr || !outer->up) step(SetUplinkUp{wanted.outer});
    }

    const DesiredStack& desired_;
    const ObservedStack& observed_;
    const ObservedUplink& uplink_;
    const std::set<Route> observed_routes_;  // there may be thousands
    const Link* tunnel_ = nullptr;           // vpn0 as it is; null when it is made new
    const Link* handoff_ = nullptr;          // lan0 as it is; null when it is made new
    bool has_handoff_ = false;               // lan0 will be there
    std::set<std::string> disturbed_;        // devices that may have lost routes to an earlier step
    Plan plan_;
};

}  // namespace

Result<Plan> plan(const DesiredStack& desired, const ObservedStack& observed, const ObservedUplink& uplink) {
    if (observed.exists && observed.owner() != desired.owner) {
        const auto other = run_dir_of(observed.owner());
        return fail(ErrorCode::kConflict,
                    "the namespace " + desired.name +
                        (other ? " belongs to the instance with run-dir " + *other : " exists and is not ours") +
                        "; it was not touched. Remove it, or give the customer another id");
    }
    return Planner(desired, observed, uplink).run();
}

Result<Plan> plan_removal(const std::string& owner, const ObservedStack& observed) {
    Plan removal;
    if (!observed.exists) return removal;
    if (observed.owner() != owner) return fail(ErrorCode::kConflict, "the namespace is not ours; it was not touched");
    // Block traffic first: when a namespace is destroyed, the kernel removes its firewall before its devices.
    if (const Link* tunnel = observed.link(kTunnelDevice); tunnel != nullptr && tunnel->up)
        removal.steps.emplace_back(SetUp{kTunnelDevice, false});
    if (const Link* handoff = observed.link(kHandoffDevice)) {
        if (const auto home = home_of(handoff->alias)) {
            removal.steps.emplace_back(ReturnHandoff{*home});
        } else if (!handoff->kind.empty()) {
            removal.steps.emplace_back(RemoveHandoff{});
        }
    }
    // What an operator moved in goes home too: a virtual device would end with the namespace, and a physical one would
    // come back in the first namespace of the machine.
    for (const Link& link : observed.links) {
        const auto home = home_of(link.alias);
        if (home && link.name != kHandoffDevice) removal.steps.emplace_back(ReturnHandoff{*home, link.name});
    }
    removal.steps.emplace_back(RemoveNamespace{});
    return removal;
}

std::vector<Step> plan_device_returns(const ObservedUplink& uplink) {
    std::vector<Step> steps;
    for (const auto& [name, link] : uplink.links) {
        const auto home = home_of(link.alias);
        if (home && *home != name && uplink.link(*home) == nullptr) steps.emplace_back(RenameUplink{name, *home});
    }
    return steps;
}

}  // namespace warren::stacks
