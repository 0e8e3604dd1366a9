#include "stacks/vpnd_view.h"

#include <algorithm>

#include "base/check.h"

namespace warren::stacks {

namespace {

// The listener that a customer's peers use.
ipc::ListenerId listener_of(const config::Customer& customer) {
    return {customer.listener ? customer.id : ""};
}

ipc::ListenerSettings settings_of(const ipc::ListenerId& listener, const config::Generation& generation) {
    const config::AcceptedCustomer* accepted = listener.owner.empty() ? nullptr : generation.find(listener.owner);
    const config::SecretRef& name =
        accepted != nullptr ? accepted->customer.listener->private_key : generation.appliance.wireguard->private_key;
    auto key = (accepted != nullptr ? accepted->secrets : generation.secrets).private_key(name);
    WARREN_CHECK(key.has_value());  // config/validate: a generation has all the secrets it names
    return ipc::WireguardListener{std::move(*key)};
}

ipc::PutPeer put_peer(const config::Peer& peer, const ipc::ListenerId& listener, const config::Secrets& secrets,
                      std::size_t queues) {
    ipc::WireguardPeer tunnel;
    tunnel.public_key = peer.public_key;
    if (peer.preshared_key) {
        auto key = secrets.preshared_key(*peer.preshared_key);
        WARREN_CHECK(key.has_value());  // config/validate
        tunnel.preshared_key = std::move(*key);
    }
    tunnel.persistent_keepalive_seconds = peer.persistent_keepalive_seconds;
    return {
        {peer.name, listener, peer.allowed_ips, peer.endpoint}, std::move(tunnel), queue_of(peer.public_key, queues)};
}

ipc::CustomerSettings settings_of(const config::Customer& customer) {
    ipc::CustomerSettings settings;
    settings.id = customer.id;
    settings.name = customer.name;
    settings.suspended = customer.state == config::CustomerState::kSuspended;
    settings.mtu = customer.stack.mtu;
    settings.addresses = customer.stack.addresses;
    settings.rate_up = customer.traffic.rate_up.value_or(0);
    settings.rate_down = customer.traffic.rate_down.value_or(0);
    settings.share = customer.traffic.share;
    return settings;
}

Status send_customer(VpndLink& link, const config::AcceptedCustomer& accepted, const std::vector<int>& tunnel,
                     bool has_tun) {
    const config::Customer& customer = accepted.customer;
    ipc::PutCustomer put;
    put.settings = settings_of(customer);
    put.peer_count = static_cast<std::uint32_t>(std::count_if(customer.peers.begin(), customer.peers.end(),
                                                              [](const config::Peer& peer) { return peer.enabled; }));
    put.has_tun = has_tun;
    put.queues = static_cast<std::uint16_t>(tunnel.size());
    WARREN_TRY(link.send(std::move(put), has_tun ? tunnel : std::vector<int>{}));
    for (const config::Peer& peer : customer.peers) {
        if (!peer.enabled) continue;
        WARREN_TRY(link.send(put_peer(peer, listener_of(customer), accepted.secrets, tunnel.size())));
    }
    return {};
}

}  // namespace

Status VpndView::deliver(VpndLink& link, const Delivery& delivery) {
    const config::Generation& generation = delivery.generation;
    WARREN_TRY(link.send(ipc::Begin{delivery.number, delivery.full}));

    ListenerPorts listeners = delivery.listeners;
    for (const auto& [id, port] : delivery.listeners) {
        const auto held = listeners_.find(id);
        const bool needs_sockets = held == listeners_.end() || held->second != port;
        if (!needs_sockets && !delivery.full && current_listeners_.contains(id)) continue;
        const auto [roles, descriptors] =
            needs_sockets ? delivery.sockets.descriptors(id, port) : ListenerDescriptors();
        WARREN_TRY(link.send(ipc::PutListener{id, port.protocol, port.number, settings_of(id, generation), roles},
                             descriptors));
    }

    std::set<std::string> served;
    for (const auto& accepted : generation.customers) {
        const std::string& id = accepted->customer.id;
        const std::vector<int> tunnel = delivery.stacks.tunnel(id);
        if (tunnel.empty() || !delivery.listeners.contains(listener_of(accepted->customer))) continue;
        served.insert(id);
        if (!delivery.full && current_.contains(id) && tunnels_.contains(id)) continue;
        WARREN_TRY(send_customer(link, *accepted, tunnel, !tunnels_.contains(id)));
    }

    // A customer whose file has errors and that is not in the generation keeps what vpnd has.
    const auto stays = [&](const std::string& id) {
        return !delivery.full && delivery.present.contains(id) && generation.find(id) == nullptr;
    };
    std::set<std::string> kept;
    for (const std::string& id : tunnels_) {
        if (served.contains(id)) continue;
        if (stays(id)) {
            kept.insert(id);
        } else if (!delivery.full) {
            WARREN_TRY(link.send(ipc::RemoveCustomer{id}));
        }
    }
    for (const auto& [id, port] : listeners_) {
        if (delivery.listeners.contains(id)) continue;
        if (id.owner.empty() ? !kept.empty() && !delivery.full : stays(id.owner)) {
            listeners[id] = port;
        } else if (!delivery.full) {
            WARREN_TRY(link.send(ipc::RemoveListener{id}));
        }
    }
    WARREN_TRY(link.send(ipc::Commit{delivery.number}));
    WARREN_TRY(link.await_applied(delivery.number));

    listeners_ = std::move(listeners);
    current_listeners_.clear();
    for (const auto& [id, port] : delivery.listeners) current_listeners_.insert(id);
    current_ = served;
    tunnels_ = std::move(served);
    tunnels_.merge(kept);
    return {};
}

}  // namespace warren::stacks
