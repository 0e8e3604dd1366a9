#include "fake_kernel.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>

namespace warren::stacks {

namespace {

constexpr std::uint32_t kMinIpv6Mtu = 1280;

void drop_routes_of(FakeStack& stack, const std::string& device, bool v4, bool v6) {
    std::erase_if(stack.routes,
                  [&](const Route& route) { return route.device == device && (route.to.address.is_v4() ? v4 : v6); });
}

void set_device_sysctls(FakeStack& stack, const std::string& device, bool v4, bool v6) {
    for (const SysctlRow& row : sysctl_table()) {
        if (row.scope == SysctlScope::kNamespace || !(std::string(row.family) == "ipv4" ? v4 : v6)) continue;
        const std::string inherited = std::string(row.family) + "/conf/default/" + row.parameter;
        const auto found = stack.sysctls.find(inherited);
        stack.sysctls[std::string(row.family) + "/conf/" + device + "/" + row.parameter] =
            found == stack.sysctls.end() ? "?" : found->second;
    }
}

void drop_device_sysctls(FakeStack& stack, const std::string& prefix) {
    std::erase_if(stack.sysctls, [&](const auto& entry) { return entry.first.find(prefix) != std::string::npos; });
}

void drop_link(FakeStack& stack, const std::string& device) {
    std::erase_if(stack.links, [&](const Link& link) { return link.name == device; });
    std::erase_if(stack.addresses, [&](const DeviceAddress& address) { return address.device == device; });
    drop_routes_of(stack, device, true, true);
    drop_device_sysctls(stack, "/conf/" + device + "/");
}

Status no_device(const std::string& name) {
    return fail(ErrorCode::kNotFound, "no device " + name, ENODEV);
}

}  // namespace

Link* FakeStack::link(const std::string& name) {
    const auto found = std::find_if(links.begin(), links.end(), [&](const Link& link) { return link.name == name; });
    return found == links.end() ? nullptr : &*found;
}

void FakeKernel::add_uplink(const std::string& name, const std::string& kind, const std::string& alias) {
    Link link;
    link.name = name;
    link.kind = kind;
    link.alias = alias;
    link.index = next_index_++;
    link.mtu = 1500;
    uplink.links[name] = link;
}

FakeStack FakeKernel::fresh_stack(const std::string& owner) {
    FakeStack stack;
    stack.links.push_back({kLoopback, 1, "", owner, "noop", 65536, 1000, 0, false});
    for (const Sysctl& sysctl : stack_sysctls()) stack.sysctls[sysctl.path] = "?";
    return stack;
}

void FakeKernel::add_link(FakeStack& stack, Link link) {
    link.index = next_index_++;
    set_device_sysctls(stack, link.name, true, link.mtu >= kMinIpv6Mtu);
    stack.links.push_back(std::move(link));
}

Status FakeKernel::look() {
    if (looks_until_error-- == 0) return fail(ErrorCode::kFailed, "out of memory", ENOMEM);
    return {};
}

Result<std::vector<std::string>> FakeKernel::stack_names() {
    WARREN_TRY(look());
    if (!lists_stacks) return fail(ErrorCode::kFailed, "too many open files");
    std::vector<std::string> names;
    for (const auto& [name, stack] : stacks) names.push_back(name);
    for (const auto& [name, first] : second_names) names.push_back(name);
    std::sort(names.begin(), names.end());
    return names;
}

Result<ObservedStack> FakeKernel::observe(const std::string& name, std::span<const Sysctl> sysctls) {
    observed.push_back(name);
    ObservedStack seen;
    const auto found = stacks.find(first_name(name));
    if (found == stacks.end()) return seen;
    const FakeStack& stack = found->second;
    seen.exists = true;
    seen.links = stack.links;
    seen.addresses = stack.addresses;
    seen.routes = stack.routes;
    seen.firewall = stack.firewall;
    for (const Sysctl& sysctl : sysctls) {
        const auto value = stack.sysctls.find(sysctl.path);
        if (value != stack.sysctls.end()) seen.sysctls.insert(*value);
    }
    return seen;
}

const std::string& FakeKernel::first_name(const std::string& name) const {
    const auto found = second_names.find(name);
    return found == second_names.end() ? name : found->second;
}

Result<std::uint64_t> FakeKernel::number_of(const std::string& name) {
    WARREN_TRY(look());
    const auto found = stacks.find(first_name(name));
    if (found == stacks.end()) return fail(ErrorCode::kNotFound, "no namespace " + name, ENOENT);
    return reinterpret_cast<std::uintptr_t>(&found->second);
}

Result<std::string> FakeKernel::owner_of(const std::string& name) {
    WARREN_TRY(look());
    const auto found = stacks.find(first_name(name));
    const Link* lo = found == stacks.end() ? nullptr : found->second.link(kLoopback);
    return lo == nullptr ? "" : lo->alias;
}

Result<std::vector<UniqueFd>> FakeKernel::release_tunnel(const std::string& name, std::uint16_t queues) {
    Link* const link = stacks.at(first_name(name)).link(kTunnelDevice);
    if (link == nullptr) return fail(ErrorCode::kNotFound, "no vpn0");
    if (link->is_multi_queue != (queues > 1)) return fail(ErrorCode::kInvalid, "vpn0 was made otherwise", EINVAL);
    if (queues > 1) link->queues = queues;
    std::vector<UniqueFd> out;
    while (out.size() < queues) out.emplace_back(::open("/dev/null", O_RDWR | O_CLOEXEC));
    return out;
}

Status FakeKernel::raise_neighbour_tables(std::uint32_t entries) {
    if (refuses_tables) return fail(ErrorCode::kPermission, "no such file");
    tables = {std::max(tables.v4, entries), std::max(tables.v6, entries)};
    return {};
}

Status FakeKernel::steer(int /*tunnel*/, std::span<const SteeringEntry> entries) {
    steered.assign(entries.begin(), entries.end());
    return {};
}

struct FakeKernel::Runner {
    FakeKernel& kernel;
    const std::string& name;

    [[nodiscard]] FakeStack& stack() const { return kernel.stacks.at(kernel.first_name(name)); }
    void broken(const std::string& rule) const { kernel.broken_rules.push_back(name + ": " + rule); }

    Status operator()(const CreateNamespace& step) const {
        if (kernel.stacks.contains(name)) return fail(ErrorCode::kConflict, "exists", EEXIST);
        kernel.stacks[name] = fresh_stack(step.owner);
        return {};
    }
    Status operator()(const RemoveNamespace&) const {
        for (const Link& link : stack().links) {
            if (link.up && link.name != kLoopback) broken("removed while " + link.name + " is up");
            if (link.kind.empty() && link.name != kLoopback && home_of(link.alias))
                broken("removed with a physical device inside");
        }
        kernel.stacks.erase(name);
        return {};
    }
    Status operator()(const GiveName& step) const {
        if (kernel.stacks.contains(step.name) || kernel.second_names.contains(step.name))
            return fail(ErrorCode::kConflict, "exists", EEXIST);
        const std::string first = kernel.first_name(name);
        kernel.second_names[step.name] = first;
        return {};
    }
    Status operator()(const DropName&) const {
        if (kernel.second_names.erase(name) > 0) return {};
        const auto other = std::find_if(kernel.second_names.begin(), kernel.second_names.end(),
                                        [this](const auto& entry) { return entry.second == name; });
        if (other == kernel.second_names.end()) {
            broken("the last name is dropped");
            return {};
        }
        const std::string next = other->first;
        kernel.second_names.erase(other);
        for (auto& [second, first] : kernel.second_names) {
            if (first == name) first = next;
        }
        auto node = kernel.stacks.extract(name);
        node.key() = next;
        kernel.stacks.insert(std::move(node));
        return {};
    }
    Status operator()(const SetOwner& step) const {
        stack().link(kLoopback)->alias = step.owner;
        return {};
    }
    Status operator()(const SetSysctls& step) const {
        for (const Sysctl& sysctl : step.sysctls) {
            const auto found = stack().sysctls.find(sysctl.path);
            if (found == stack().sysctls.end()) return fail(ErrorCode::kNotFound, "no sysctl " + sysctl.path, ENOENT);
            found->second = sysctl.value;
        }
        return {};
    }
    Status operator()(const SetFirewall& step) const {
        // Without the removal the rules would be appended to those that are there.
        if (stack().firewall && !step.replaces) broken("firewall loaded twice");
        if (!stack().firewall && step.replaces) return fail(ErrorCode::kNotFound, "no table", ENOENT);
        if (step.keeps_customer_chain != (stack().firewall && stack().firewall->has_customer_chain))
            broken("the customer's chain was not kept, or there was none");
        stack().firewall = observed_of(step.firewall);
        return {};
    }
    Status operator()(const SetMembers& step) const {
        for (const KeyList& list : step.lists) {
            auto& lists = stack().firewall->policy.lists;
            const auto found =
                std::find_if(lists.begin(), lists.end(), [&list](const KeyList& one) { return one.name == list.name; });
            if (found == lists.end()) return fail(ErrorCode::kNotFound, "no set " + list.name, ENOENT);
            found->members = list.members;
        }
        return {};
    }
    Status operator()(const CreateTunnel& step) const {
        if (stack().link(kTunnelDevice) != nullptr) return fail(ErrorCode::kConflict, "exists", EBUSY);
        const bool is_multi_queue = step.queues > 1;
        kernel.add_link(stack(), {kTunnelDevice, 0, "tun", "", "noop", 1500, 500, 0, false, is_multi_queue,
                                  is_multi_queue ? step.queues : 0U});
        return {};
    }
    Status operator()(const RemoveTunnel&) const {
        drop_link(stack(), kTunnelDevice);
        return {};
    }
    Status operator()(const SetNoQueue& step) const {
        Link* link = stack().link(step.device);
        if (link == nullptr) return no_device(step.device);
        link->qdisc = "noqueue";
        return {};
    }
    Status operator()(const SetQueueLength& step) const {
        Link* link = stack().link(step.device);
        if (link == nullptr) return no_device(step.device);
        link->queue_length = step.packets;
        return {};
    }
    // What is on a parent, which its mark names, is at most as wide.
    [[nodiscard]] std::uint32_t widest(const Link& link) const {
        const std::size_t at = link.alias.find(" parent=");
        if (at == std::string::npos || (link.kind != "macvlan" && link.kind != "vlan")) return 65535;
        const std::string rest = link.alias.substr(at + 8);
        const auto parent = kernel.uplink.links.find(rest.substr(0, rest.find(' ')));
        return parent == kernel.uplink.links.end() ? 65535 : parent->second.mtu;
    }
    Status operator()(const SetMtu& step) const {
        Link* link = stack().link(step.device);
        if (link == nullptr) return no_device(step.device);
        if (step.mtu > widest(*link)) return fail(ErrorCode::kInvalid, "wider than its parent", ERANGE);
        const bool had_v6 = link->mtu >= kMinIpv6Mtu;
        const bool has_v6 = step.mtu >= kMinIpv6Mtu;
        link->mtu = step.mtu;
        if (had_v6 && !has_v6) {
            std::erase_if(stack().addresses, [&](const DeviceAddress& address) {
                return address.device == step.device && !address.prefix.address.is_v4();
            });
            drop_routes_of(stack(), step.device, false, true);
            drop_device_sysctls(stack(), "ipv6/conf/" + step.device + "/");
        }
        if (!had_v6 && has_v6) set_device_sysctls(stack(), step.device, false, true);
        return {};
    }
    Status operator()(const SetUp& step) const {
        Link* link = stack().link(step.device);
        if (link == nullptr) return no_device(step.device);
        if (step.up && !stack().firewall) broken(step.device + " is up before the firewall is in place");
        if (step.up && !link->up && step.device == kTunnelDevice && link->qdisc != "noqueue")
            broken("vpn0 is up without noqueue");
        if (!step.up) drop_routes_of(stack(), step.device, true, true);
        link->up = step.up;
        return {};
    }
    Status operator()(const AddAddress& step) const {
        const Link* link = stack().link(step.device);
        if (link == nullptr) return no_device(step.device);
        if (!step.prefix.address.is_v4()) {
            if (link->mtu < kMinIpv6Mtu) return fail(ErrorCode::kInvalid, "IPv6 is off", EACCES);
            for (const DeviceAddress& address : stack().addresses) {
                if (address.device == step.device && address.prefix.address == step.prefix.address)
                    return fail(ErrorCode::kConflict, "address exists", EEXIST);
            }
        }
        stack().addresses.push_back({step.device, step.prefix});
        return {};
    }
    Status operator()(const RemoveAddress& step) const {
        std::erase(stack().addresses, DeviceAddress{step.device, step.prefix});
        const bool v4 = step.prefix.address.is_v4();
        const bool has_more =
            std::any_of(stack().addresses.begin(), stack().addresses.end(), [&](const DeviceAddress& address) {
                return address.device == step.device && address.prefix.address.is_v4() == v4;
            });
        // The last IPv4 address takes all routes of the device along.
        if (!has_more && v4) drop_routes_of(stack(), step.device, true, false);
        return {};
    }
    Status operator()(const PutRoute& step) const {
        if (step.route.type == RouteType::kUnicast) {
            const Link* link = stack().link(step.route.device);
            if (link == nullptr) return no_device(step.route.device);
            if (!link->up) return fail(ErrorCode::kFailed, "device is down", ENETDOWN);
        }
        std::erase_if(stack().routes, [&](const Route& route) {
            return route.to == step.route.to && route.metric == step.route.metric;
        });
        stack().routes.push_back(step.route);
        return {};
    }
    Status operator()(const RemoveRoute& step) const {
        std::erase_if(stack().routes, [&](const Route& route) {
            return route.to == step.route.to && route.metric == step.route.metric;
        });
        return {};
    }
    Status operator()(const CreateHandoff& step) const {
        if (stack().link(kHandoffDevice) != nullptr) return fail(ErrorCode::kConflict, "lan0 exists", EEXIST);
        const Handoff& handoff = step.handoff;
        Link link{kHandoffDevice, 0, "", handoff.mark, "noqueue", 1500, 1000, 0, false};
        if (handoff.type == config::HandoffType::kVeth) {
            if (kernel.uplink.link(handoff.outer) != nullptr) return fail(ErrorCode::kConflict, "outer exists", EEXIST);
            kernel.add_uplink(handoff.outer, "veth", step.owner);
            link.kind = "veth";
            link.linked = kernel.uplink.links.at(handoff.outer).index;
        } else {
            const auto parent = kernel.uplink.links.find(step.source);
            if (parent == kernel.uplink.links.end()) return no_device(step.source);
            link.mtu = parent->second.mtu;
            if (handoff.type == config::HandoffType::kPhysical) {
                link.kind = parent->second.kind;
                kernel.uplink.links.erase(parent);
            } else {
                link.kind = handoff.type == config::HandoffType::kMacvlan ? "macvlan" : "vlan";
            }
        }
        kernel.add_link(stack(), link);
        return {};
    }
    // `inner` is in the stack of `owner`, `outer` in the uplink.
    static bool are_ends(const Link& inner, const Link& outer, const std::string& owner) {
        if (inner.kind != "veth") return false;
        return inner.linked != 0 ? inner.linked == outer.index : outer.alias == owner;
    }
    Status operator()(const RemoveHandoff& step) const {
        const Link* link = stack().link(step.device);
        if (link == nullptr) return {};
        if (home_of(link->alias)) broken("a physical device is deleted");
        const std::string owner = stack().link(kLoopback)->alias;
        if (link->kind == "veth")
            std::erase_if(kernel.uplink.links, [&](const auto& entry) {
                return entry.second.kind == "veth" && are_ends(*link, entry.second, owner);
            });
        drop_link(stack(), step.device);
        return {};
    }
    Status operator()(const ReturnHandoff& step) const {
        const Link* link = stack().link(step.device);
        if (link == nullptr) return no_device(step.device);
        const bool is_taken = kernel.uplink.link(step.home) != nullptr;
        kernel.add_uplink(is_taken ? "dev" + std::to_string(link->index) : step.home, link->kind,
                          is_taken ? moved_mark(step.home) : "");
        drop_link(stack(), step.device);
        return {};
    }
    Status operator()(const SetBridge& step) const {
        const auto device = kernel.uplink.links.find(step.device);
        if (device == kernel.uplink.links.end()) return no_device(step.device);
        const Link* bridge = kernel.uplink.link(step.bridge);
        if (!step.bridge.empty() && (bridge == nullptr || bridge->kind != "bridge"))
            return fail(ErrorCode::kInvalid, "no bridge", EINVAL);
        device->second.master = step.bridge.empty() ? 0 : bridge->index;
        return {};
    }
    Status operator()(const SetUplinkUp& step) const {
        const auto device = kernel.uplink.links.find(step.device);
        if (device == kernel.uplink.links.end()) return no_device(step.device);
        device->second.up = true;
        return {};
    }
    Status operator()(const RemoveUplink& step) const {
        const Link* link = kernel.uplink.link(step.device);
        if (link == nullptr) return {};
        if (!run_dir_of(link->alias)) broken("a device that is not ours is removed from the uplink");
        // The other end goes too, in whatever stack it is.
        for (auto& [owner, other] : kernel.stacks) {
            const Link* end = other.link(kHandoffDevice);
            if (end != nullptr && are_ends(*end, *link, other.link(kLoopback)->alias)) drop_link(other, kHandoffDevice);
        }
        kernel.uplink.links.erase(step.device);
        return {};
    }
    Status operator()(const RenameUplink& step) const {
        auto node = kernel.uplink.links.extract(step.device);
        if (node.empty()) return no_device(step.device);
        node.key() = step.name;
        node.mapped().name = step.name;
        node.mapped().alias.clear();
        kernel.uplink.links.insert(std::move(node));
        return {};
    }
    Status operator()(const RenameOuter& step) const {
        if (kernel.uplink.link(step.name) != nullptr) return fail(ErrorCode::kConflict, "name is taken", EEXIST);
        auto node = kernel.uplink.links.extract(step.device);
        if (node.empty()) return no_device(step.device);
        node.key() = step.name;
        node.mapped().name = step.name;
        node.mapped().alias = step.owner;
        kernel.uplink.links.insert(std::move(node));
        return {};
    }
};

Status FakeKernel::carry_out(const std::string& name, std::span<const Step> steps) {
    for (const Step& step : steps) {
        if (steps_until_crash == 0) return fail(ErrorCode::kFailed, "crash");
        --steps_until_crash;
        if (steps_until_error-- == 0) return fail(ErrorCode::kFailed, "an error");
        if (Status done = std::visit(Runner{*this, name}, step); !done)
            return with_context(describe(step), std::move(done).error());
    }
    return {};
}

}  // namespace warren::stacks
