#include "config/named_secrets.h"

#include <fmt/format.h>

#include <variant>

#include "config/alert_keys.h"
#include "config/ipsec.h"
#include "config/wireguard.h"

namespace warren::config {

namespace {

void add_listeners(const std::vector<Listener>& listeners, std::vector<NamedSecret>& out) {
    for (const Listener& listener : listeners)
        std::visit([&out](const auto& settings) { add_secrets(settings, out); }, listener.settings);
}

}  // namespace

std::string peer_path(const Peer& peer, std::size_t number) {
    return fmt::format("{}[{}]", table_of(kind_of(peer.tunnel)), number);
}

std::vector<NamedSecret> secrets_of(const Appliance& appliance) {
    std::vector<NamedSecret> out;
    add_listeners(appliance.listeners, out);
    if (appliance.alerts) add_secrets(*appliance.alerts, out);
    return out;
}

std::vector<NamedSecret> secrets_of(const Customer& customer) {
    std::vector<NamedSecret> out;
    add_listeners(customer.listeners, out);
    std::vector<std::size_t> numbers(std::variant_size_v<Tunnel>);  // of the next peer of each kind
    for (const Peer& peer : customer.peers) {
        const std::string path = peer_path(peer, numbers[peer.tunnel.index()]++);
        std::visit([&](const auto& tunnel) { add_secrets(tunnel, path, "peer " + peer.name, out); }, peer.tunnel);
    }
    if (customer.ipsec) add_secrets(*customer.ipsec, out);
    return out;
}

}  // namespace warren::config
