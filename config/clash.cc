#include "config/clash.h"

#include <fmt/format.h>

#include <map>
#include <unordered_map>
#include <utility>

namespace warren::config {

namespace {

using Side = Clash::Side;

void clash_over_keys(std::span<const Customer* const> customers, std::vector<Clash>& out) {
    struct Place {
        std::size_t customer;
        std::size_t peer;
    };
    const auto side = [&customers](Place at) {
        const Customer& customer = *customers[at.customer];
        return Side{at.customer, fmt::format("wireguard.peer[{}].public_key", at.peer),
                    fmt::format("peer \"{}\" of customer {}", customer.peers[at.peer].name, customer.id)};
    };
    std::unordered_map<crypto::PublicKey, Place> shared;
    for (std::size_t i = 0; i < customers.size(); ++i) {
        std::unordered_map<crypto::PublicKey, Place> own;
        auto& seen = customers[i]->listener ? own : shared;
        for (std::size_t p = 0; p < customers[i]->peers.size(); ++p) {
            const Peer& peer = customers[i]->peers[p];
            if (!peer.enabled || peer.public_key == crypto::PublicKey{}) continue;
            const auto [found, is_new] = seen.try_emplace(peer.public_key, Place{i, p});
            if (is_new) continue;
            out.push_back({side(found->second), side({i, p}), "public_key " + crypto::to_base64(peer.public_key),
                           "a peer's key names the customer, so it occurs once on a listener"});
        }
    }
}

void clash_over_ports(const Appliance& appliance, std::span<const Customer* const> customers, std::vector<Clash>& out) {
    std::map<std::uint16_t, Side> seen;
    if (appliance.wireguard)
        seen.emplace(appliance.wireguard->port, Side{Clash::kAppliance, "wireguard", "the shared listener"});
    for (std::size_t i = 0; i < customers.size(); ++i) {
        if (!customers[i]->listener) continue;
        Side here{i, "wireguard.listen_port", fmt::format("the listener of customer {}", customers[i]->id)};
        const auto [found, is_new] = seen.try_emplace(customers[i]->listener->port, here);
        if (!is_new)
            out.push_back({found->second, here, fmt::format("UDP port {}", found->first),
                           "each listener needs a port of its own"});
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
    clash_over_ports(appliance, customers, out);
    clash_over_devices(customers, out);
    return out;
}

}  // namespace warren::config
