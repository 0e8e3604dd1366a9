// What only one kind of tunnel has, of a listener and of a peer, with the keys. Read by the kind's own code in vpnd
// (vpnd/listeners/); all others carry and compare it whole. IKE's tunnels are connections (PutConnection), not peers.
#pragma once

#include <cstdint>
#include <optional>
#include <variant>

#include "base/ids.h"
#include "base/result.h"
#include "crypto/keys.h"
#include "ipc/fields.h"
#include "ipc/ipsec.h"
#include "ipc/settings.h"

namespace warren::ipc {

struct WireguardListener {
    crypto::PrivateKey private_key;
    crypto::PrivateKey previous_private_key = {};  // answered too; zero = none

    bool operator==(const WireguardListener&) const = default;
};
void fields(auto& codec, Is<WireguardListener> auto& m) {
    codec(m.private_key, m.previous_private_key);
}

struct WireguardPeer {
    crypto::PublicKey public_key;
    crypto::PresharedKey preshared_key;                     // zero = none
    std::uint16_t persistent_keepalive_seconds = 0;         // 0 = off
    std::optional<crypto::PublicKey> next_public_key = {};  // the same peer

    bool operator==(const WireguardPeer&) const = default;
};
void fields(auto& codec, Is<WireguardPeer> auto& m) {
    codec(m.public_key, m.preshared_key, m.persistent_keepalive_seconds, m.next_public_key);
}

using ListenerSettings = std::variant<WireguardListener, IkeListener>;
using PeerTunnel = std::variant<WireguardPeer>;

// kInvalid when no listener can be served with this.
[[nodiscard]] Status check(const ListenerSettings& settings);
// Tells a peer from all others of its listener.
[[nodiscard]] PeerIdentity identity_of(const PeerTunnel& tunnel);
// A second one that is the same peer's while its key is changed.
[[nodiscard]] std::optional<PeerIdentity> next_identity_of(const PeerTunnel& tunnel);
// Without the secrets.
[[nodiscard]] ShownTunnel shown(const PeerTunnel& tunnel);

}  // namespace warren::ipc
