#include "config/tunnel.h"

#include <algorithm>

namespace warren::config {

namespace {

PeerIdentity identity(const WireguardTunnel& tunnel) {
    return {tunnel.public_key.bytes};
}

}  // namespace

ListenerKind kind_of(const Listener& listener) {
    return static_cast<ListenerKind>(listener.settings.index());
}

ListenerKind kind_of(const Tunnel& tunnel) {
    return static_cast<ListenerKind>(tunnel.index());
}

const Listener* find(const std::vector<Listener>& listeners, ListenerKind kind) {
    const auto found = std::find_if(listeners.begin(), listeners.end(),
                                    [kind](const Listener& listener) { return kind_of(listener) == kind; });
    return found == listeners.end() ? nullptr : &*found;
}

PeerIdentity identity_of(const Tunnel& tunnel) {
    return std::visit([](const auto& one) { return identity(one); }, tunnel);
}

std::string_view table_of(ListenerKind kind) {
    switch (kind) {
        case ListenerKind::kWireguard: return "wireguard.peer";
        case ListenerKind::kIke: return "ipsec.connection";
    }
    return "";
}

}  // namespace warren::config
