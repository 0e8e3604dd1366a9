// What only one kind of tunnel has in the configuration, of a listener and of a peer. Read and checked by the kind's
// own file (config/wireguard.h, config/ipsec.h); all others carry and compare it whole. IKE has connections instead of
// peers (config/connection.h).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/ids.h"
#include "config/connection.h"
#include "config/file_ref.h"
#include "crypto/keys.h"

namespace warren::config {

struct WireguardListener {
    SecretRef private_key;
    std::optional<SecretRef> previous_private_key =
        {};  // answered too, until the peers have the public key of the new one
    bool operator==(const WireguardListener&) const = default;
};

struct WireguardTunnel {
    crypto::PublicKey public_key;
    std::optional<SecretRef> preshared_key;
    std::uint16_t persistent_keepalive_seconds = 0;         // 0 = off
    std::optional<crypto::PublicKey> next_public_key = {};  // the same peer, from when it begins to use it
    bool operator==(const WireguardTunnel&) const = default;
};

// In the order of ListenerKind; tunnels are those of the kinds that have peers.
using ListenerSettings = std::variant<WireguardListener, IkeListener>;
using Tunnel = std::variant<WireguardTunnel>;

// A port of ours; IKE's has a second one, kIkePort.
struct Listener {
    std::uint16_t port = 0;
    ListenerSettings settings;
    bool operator==(const Listener&) const = default;
};

[[nodiscard]] ListenerKind kind_of(const Listener& listener);
[[nodiscard]] ListenerKind kind_of(const Tunnel& tunnel);
// One of each kind at most; nullptr when there is none of this kind.
[[nodiscard]] const Listener* find(const std::vector<Listener>& listeners, ListenerKind kind);
// Tells a peer from all others of its listener.
[[nodiscard]] PeerIdentity identity_of(const Tunnel& tunnel);
// The tables that peers, or connections, of this kind stand in: "wireguard.peer".
[[nodiscard]] std::string_view table_of(ListenerKind kind);

}  // namespace warren::config
