#include "ctl/show/listeners.h"

namespace warren::ctl {

std::vector<Listening> listeners_of(const config::Loaded& loaded) {
    std::vector<Listening> out;
    if (!loaded.appliance_valid) return out;
    if (const auto* shared = config::find(loaded.appliance.listeners, ListenerKind::kWireguard))
        out.push_back({"udp", shared->port, "", "wireguard", loaded.appliance.public_endpoint.value_or("")});
    if (const auto* ike = config::find(loaded.appliance.listeners, ListenerKind::kIke)) {
        out.push_back({"udp", kIkePort, "", "ike"});
        out.push_back({"udp", ike->port, "", "ike"});
    }
    if (const auto& page = loaded.appliance.status_listen; page && !page->address.is_loopback())
        out.push_back({"tcp", page->port, page->address.is_unspecified() ? "" : to_string(page->address), "status"});
    for (const config::LoadedCustomer& customer : loaded.customers) {
        if (!customer.valid) continue;
        for (const config::Listener& listener : customer.value().listeners)
            out.push_back({"udp", listener.port, "", customer.value().id});
    }
    return out;
}

}  // namespace warren::ctl
