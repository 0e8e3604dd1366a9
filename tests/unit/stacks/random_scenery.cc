#include "random_scenery.h"

#include <algorithm>

namespace warren::stacks {

namespace {

const std::vector<std::string> kTunnelAddresses{"10.0.0.1/24",   "10.0.0.2/24",   "10.0.0.1/16",
                                                "fd00:42::1/64", "fd00:42::1/48", "fd00:99::1/64"};
const std::vector<std::string> kLanAddresses{"10.42.0.1/24", "10.42.0.1/16", "192.168.1.1/24", "fd00:24::1/64"};
const std::vector<std::string> kNetworks{"10.43.0.0/16", "10.44.0.0/16", "10.43.7.0/24", "0.0.0.0/0",
                                         "fd00:43::/64", "::/0",         "10.42.0.0/24"};
const std::vector<std::string> kParents{"br0", "eth0", "eth1", "eth9"};
const std::vector<std::uint32_t> kMtus{1200, 1280, 1420, 9000};

}  // namespace

std::vector<Prefix> RandomScenery::some(const std::vector<std::string>& texts, unsigned percent) {
    std::vector<Prefix> out;
    for (const std::string& text : texts) {
        const Prefix candidate = prefix(text);
        const bool is_there = std::any_of(out.begin(), out.end(),
                                          [&](const Prefix& other) { return other.address == candidate.address; });
        if (chance(percent) && !is_there) out.push_back(candidate);
    }
    return out;
}

config::Handoff RandomScenery::some_handoff() {
    using enum config::HandoffType;
    config::Handoff out;
    out.type = pick<config::HandoffType>({kVeth, kMacvlan, kVlan, kPhysical});
    out.parent = out.type == kVeth ? pick<std::string>({"br0", "br1", "", "eth0"}) : pick(kParents);
    if (out.type == kPhysical && out.parent == "br0") out.parent = "eth1";  // a bridge cannot be moved
    if (out.type == kVlan) out.vlan_id = static_cast<std::uint16_t>(1 + random_() % 3);
    out.addresses = some(kLanAddresses, 40);
    if (chance(30)) out.mtu = static_cast<std::uint16_t>(pick<std::uint32_t>({1400, 1500}));
    return out;
}

config::Customer RandomScenery::customer() {
    config::Customer out;
    out.id = chance(50) ? "acme" : "a-customer-with-a-long-name";
    out.stack.mtu = static_cast<std::uint16_t>(pick(kMtus));
    if (chance(30)) out.stack.queues = static_cast<std::uint16_t>(pick<std::uint32_t>({2, 3}));
    out.stack.addresses = some(kTunnelAddresses, 40);
    if (out.stack.mtu < 1280)
        std::erase_if(out.stack.addresses, [](const Prefix& address) { return !address.address.is_v4(); });
    for (int i = 0; i < 3; ++i) {
        config::Peer next = peer("peer-" + std::to_string(i), {}, chance(80));
        next.allowed_ips = some(kNetworks, 30);
        if (out.stack.mtu < 1280)
            std::erase_if(next.allowed_ips, [](const Prefix& network) { return !network.address.is_v4(); });
        out.peers.push_back(std::move(next));
    }
    if (chance(60)) out.handoff = some_handoff();
    if (chance(40)) out.stack.routes.push_back({prefix("10.50.0.0/16"), ip(chance(50) ? "10.0.0.254" : "10.42.0.254")});
    return out;
}

void RandomScenery::furnish(FakeKernel& kernel) {
    for (const char* bridge : {"br0", "br1"}) {
        if (chance(80)) kernel.add_uplink(bridge, "bridge");
    }
    for (const char* device : {"eth0", "eth1", "eth9"}) {
        if (chance(70)) kernel.add_uplink(device, chance(50) ? "" : "bond");
        if (chance(20) && kernel.uplink.link(device) != nullptr) kernel.uplink.links[device].mtu = 1000;
    }
}

void RandomScenery::add_handoff(FakeKernel& kernel, FakeStack& stack, const DesiredStack& desired) {
    config::Customer other = customer();
    other.handoff = some_handoff();
    Handoff made = *desired_stack(other, kTestRunDir).handoff;
    if (chance(50) && desired.handoff) made = *desired.handoff;
    Link link{kHandoffDevice, 0, "", chance(80) ? made.mark : "", "noqueue", pick(kMtus), 1000, 0, chance(50)};
    using enum config::HandoffType;
    switch (made.type) {
        case kVeth: link.kind = "veth"; break;
        case kMacvlan: link.kind = "macvlan"; break;
        case kVlan: link.kind = "vlan"; break;
        case kPhysical:
            // A physical device has one home, so it cannot be there too, and it never was without its mark.
            kernel.uplink.links.erase(made.parent);
            link.alias = made.mark;
            if (chance(50)) link.kind = "bond";
            break;
    }
    if (made.type == kVeth && chance(70)) {
        const std::string outer =
            desired.handoff && !desired.handoff->outer.empty() ? desired.handoff->outer : made.outer;
        kernel.add_uplink(outer, "veth", desired.owner);
        Link& end = kernel.uplink.links[outer];
        end.up = chance(50);
        if (const Link* bridge = kernel.uplink.link("br1"); bridge != nullptr && chance(50)) end.master = bridge->index;
    }
    kernel.add_link(stack, link);
}

void RandomScenery::disturb(FakeKernel& kernel, const DesiredStack& desired) {
    if (chance(15)) return;
    FakeStack stack = FakeKernel::fresh_stack(desired.owner);
    stack.link(kLoopback)->up = chance(50);
    if (chance(70)) {
        kernel.add_link(stack, {kTunnelDevice, 0, "tun", "", chance(50) ? "noqueue" : "noop", pick(kMtus),
                                chance(50) ? 1000U : 500U, 0, chance(50)});
        if (stack.link(kTunnelDevice)->qdisc == "noop") stack.link(kTunnelDevice)->up = false;
    }
    if (chance(60)) add_handoff(kernel, stack, desired);
    for (const auto& [device, texts] :
         {std::pair{kTunnelDevice, kTunnelAddresses}, std::pair{kHandoffDevice, kLanAddresses}}) {
        const Link* link = stack.link(device);
        if (link == nullptr) continue;
        for (const Prefix& address : some(texts, 40)) {
            if (address.address.is_v4() || link->mtu >= 1280) stack.addresses.push_back({device, address});
        }
        if (!link->up) continue;
        for (const Prefix& network : some(kNetworks, 30)) {
            const bool is_there = std::any_of(stack.routes.begin(), stack.routes.end(),
                                              [&](const Route& route) { return route.to == network; });
            if (!is_there) stack.routes.push_back({network, RouteType::kUnicast, device, std::nullopt, kRouteMetric});
        }
    }
    for (const Prefix& network : some(kNetworks, 20))
        stack.routes.push_back({network, RouteType::kUnreachable, "", std::nullopt, kGuardMetric});
    for (auto& [path, value] : stack.sysctls) {
        if (chance(50)) value = "1";
    }
    if (chance(60))
        stack.firewall = ObservedFirewall{chance(70) ? identity(desired.firewall) : "warren other",
                                          rule_count(desired.firewall),
                                          chance(70) ? chain_summary(desired.firewall) : "input accept",
                                          chance(70),
                                          {}};
    kernel.stacks[desired.name] = std::move(stack);
}

}  // namespace warren::stacks
