#include "config/clash.h"

#include <fmt/format.h>

#include <map>
#include <utility>

#include "config/ipsec_clashes.h"
#include "config/wireguard.h"

namespace warren::config {

namespace {

using Side = Clash::Side;

void clash_over_ports(const Appliance& appliance, std::span<const Customer* const> customers, std::vector<Clash>& out) {
    std::map<std::uint16_t, Side> seen;
    for (const Listener& listener : appliance.listeners) {
        const bool is_ike = kind_of(listener) == ListenerKind::kIke;
        const Side here{Clash::kAppliance, is_ike ? "ipsec" : "wireguard",
                        is_ike ? "the listener of IKE" : "the shared listener"};
        seen.emplace(listener.port, here);
        if (is_ike) seen.emplace(kIkePort, here);
    }
    for (std::size_t i = 0; i < customers.size(); ++i) {
        for (const Listener& listener : customers[i]->listeners) {
            Side here{i, "wireguard.listen_port", fmt::format("the listener of customer {}", customers[i]->id)};
            const auto [found, is_new] = seen.try_emplace(listener.port, here);
            if (!is_new)
                out.push_back({found->second, here, fmt::format("UDP port {}", found->first),
                               "each listener needs a port of its own"});
        }
    }
}

// A physical device moves into one stack and is then unavailable to all others; a VLAN exists once on its parent.
void clash_over_devices(std::span<const Customer* const> customers, std::vector<Clash>& out) {
    std::map<std::string, Side> moved;
    std::map<std::pair<std::string, std::uint16_t>, Side> vlans;
    const auto side = [&customers](std::size_t i, const char* key) {
        return Side{i, fmt::format("handoff.{}", key), fmt::format("the handoff of customer {}", customers[i]->id)};
    };
    for (std::size_t i = 0; i < customers.size(); ++i) {
        const auto& handoff = customers[i]->handoff;
        if (!handoff || handoff->parent.empty()) continue;
        if (handoff->type == HandoffType::kPhysical) {
            const auto [found, is_new] = moved.try_emplace(handoff->parent, side(i, "parent"));
            if (!is_new)
                out.push_back({found->second, side(i, "parent"), "device " + handoff->parent,
                               "a physical device moves into one stack only"});
        }
        if (handoff->type == HandoffType::kVlan && handoff->vlan_id) {
            const auto [found, is_new] = vlans.try_emplace({handoff->parent, *handoff->vlan_id}, side(i, "vlan_id"));
            if (!is_new)
                out.push_back({found->second, side(i, "vlan_id"),
                               fmt::format("VLAN {} of {}", *handoff->vlan_id, handoff->parent),
                               "a VLAN exists once on its parent"});
        }
    }
    for (std::size_t i = 0; i < customers.size(); ++i) {
        const auto& handoff = customers[i]->handoff;
        if (!handoff || handoff->type == HandoffType::kPhysical) continue;
        const auto taken = moved.find(handoff->parent);
        if (taken != moved.end()) {
            out.push_back({taken->second, side(i, "parent"), "device " + handoff->parent,
                           "a physical device moves into one stack and is unavailable to others"});
        }
    }
}

}  // namespace

std::vector<Clash> find_clashes(const Appliance& appliance, std::span<const Customer* const> customers) {
    std::vector<Clash> out;
    clash_over_keys(customers, out);
    clash_over_identities(appliance, customers, out);
    clash_over_ports(appliance, customers, out);
    clash_over_devices(customers, out);
    return out;
}

std::vector<Clash> find_doubts(const Appliance& appliance, std::span<const Customer* const> customers) {
    std::vector<Clash> out;
    doubt_psk_identities(appliance, customers, out);
    return out;
}

}  // namespace warren::config
