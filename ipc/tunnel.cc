#include "ipc/tunnel.h"

namespace warren::ipc {

namespace {

Status check_listener(const WireguardListener& listener) {
    if (listener.private_key.secret.is_zero()) return fail(ErrorCode::kInvalid, "has no private key");
    return {};
}

Status check_listener(const IkeListener& /*listener*/) {
    return {};
}

PeerIdentity identity(const WireguardPeer& peer) {
    return {peer.public_key.bytes};
}

std::optional<PeerIdentity> next_identity(const WireguardPeer& peer) {
    if (!peer.next_public_key) return std::nullopt;
    return PeerIdentity{peer.next_public_key->bytes};
}

ShownTunnel without_secrets(const WireguardPeer& peer) {
    const std::string next = peer.next_public_key ? to_base64(*peer.next_public_key) : std::string();
    return ShownWireguardPeer{to_base64(peer.public_key), !peer.preshared_key.secret.is_zero(),
                              peer.persistent_keepalive_seconds, next};
}

}  // namespace

Status check(const ListenerSettings& settings) {
    return std::visit([](const auto& listener) { return check_listener(listener); }, settings);
}

PeerIdentity identity_of(const PeerTunnel& tunnel) {
    return std::visit([](const auto& peer) { return identity(peer); }, tunnel);
}

std::optional<PeerIdentity> next_identity_of(const PeerTunnel& tunnel) {
    return std::visit([](const auto& peer) { return next_identity(peer); }, tunnel);
}

ShownTunnel shown(const PeerTunnel& tunnel) {
    return std::visit([](const auto& peer) { return without_secrets(peer); }, tunnel);
}

}  // namespace warren::ipc
