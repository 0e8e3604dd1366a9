#include "stacks/tunnel_keys.h"

#include <utility>
#include <variant>

#include "base/check.h"
#include "stacks/connections.h"

namespace warren::stacks {

namespace {

template <typename Key>
Key known(std::optional<Key> key) {
    WARREN_CHECK(key.has_value());
    return std::move(*key);
}

ipc::WireguardListener keys_of(const config::WireguardListener& listener, const config::Secrets& secrets,
                               const SecretNumbers& /*numbers*/) {
    ipc::WireguardListener out{known(secrets.private_key(listener.private_key)), {}};
    if (listener.previous_private_key)
        out.previous_private_key = known(secrets.private_key(*listener.previous_private_key));
    return out;
}

ipc::IkeListener keys_of(const config::IkeListener& listener, const config::Secrets& secrets,
                         const SecretNumbers& numbers) {
    return ike_listener(listener, secrets, numbers);
}

ipc::WireguardPeer keys_of(const config::WireguardTunnel& tunnel, const config::Secrets& secrets) {
    ipc::WireguardPeer out;
    out.public_key = tunnel.public_key;
    out.next_public_key = tunnel.next_public_key;
    if (tunnel.preshared_key) out.preshared_key = known(secrets.preshared_key(*tunnel.preshared_key));
    out.persistent_keepalive_seconds = tunnel.persistent_keepalive_seconds;
    return out;
}

}  // namespace

ipc::ListenerSettings with_secrets(const config::ListenerSettings& settings, const config::Secrets& secrets,
                                   const SecretNumbers& numbers) {
    return std::visit([&](const auto& one) -> ipc::ListenerSettings { return keys_of(one, secrets, numbers); },
                      settings);
}

ipc::PeerTunnel with_secrets(const config::Tunnel& tunnel, const config::Secrets& secrets) {
    return std::visit([&](const auto& one) -> ipc::PeerTunnel { return keys_of(one, secrets); }, tunnel);
}

}  // namespace warren::stacks
