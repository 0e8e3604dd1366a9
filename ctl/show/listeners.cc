#include "ctl/show/listeners.h"

namespace warren::ctl {

namespace {

bool has_previous_key(const config::Listener& listener) {
    const auto* const settings = std::get_if<config::WireguardListener>(&listener.settings);
    return settings != nullptr && settings->previous_private_key.has_value();
}

}  // namespace

std::vector<Listening> listeners_of(const config::Loaded& loaded) {
    std::vector<Listening> out;
    if (!loaded.appliance_valid) return out;
    if (const auto* shared = config::find(loaded.appliance.listeners, ListenerKind::kWireguard))
        out.push_back({"udp", shared->port, "", "wireguard", loaded.appliance.public_endpoint.value_or(""), "",
                       has_previous_key(*shared)});
    if (const auto* ike = config::find(loaded.appliance.listeners, ListenerKind::kIke)) {
        out.push_back({"udp", kIkePort, "", "ike"});
        out.push_back({"udp", ike->port, "", "ike"});
    }
    if (const auto& page = loaded.appliance.status_listen; page && !page->address.is_loopback())
        out.push_back({"tcp", page->port, page->address.is_unspecified() ? "" : to_string(page->address), "status"});
    for (const config::LoadedCustomer& customer : loaded.customers) {
        if (!customer.valid) continue;
        for (const config::Listener& listener : customer.value().listeners)
            out.push_back(
                {"udp", listener.port, "", customer.value().id, "", customer.value().id, has_previous_key(listener)});
    }
    return out;
}

std::map<std::string, std::vector<OnPreviousKey>> previous_key_users(const Snapshot& snapshot) {
    std::map<std::string, std::vector<OnPreviousKey>> out;
    for (const CustomerStatus& status : snapshot.customers) {
        for (const ipc::PeerSnapshot& peer : status.peers) {
            if (!peer.activity.uses_previous_identity) continue;
            out[peer.settings.listener.owner].push_back({status.customer.settings.id, peer.settings.name});
        }
    }
    return out;
}

}  // namespace warren::ctl
