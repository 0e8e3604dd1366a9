// What only one kind of tunnel has in the configuration, of a listener and of a peer. Read and checked by the kind's
// own file (config/wireguard.h); all others carry and compare it whole.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/ids.h"
#include "crypto/keys.h"

namespace warren::config {

// The name of a file below secrets/. The key itself is read by config/load and kept apart (config/load.h).
struct SecretRef {
    std::string name;  // relative, no "..", e.g. "acme/branch-graz.psk"
    bool operator==(const SecretRef&) const = default;
};

struct WireguardListener {
    SecretRef private_key;
    bool operator==(const WireguardListener&) const = default;
};

struct WireguardTunnel {
    crypto::PublicKey public_key;
    std::optional<SecretRef> preshared_key;
    std::uint16_t persistent_keepalive_seconds = 0;  // 0 = off
    bool operator==(const WireguardTunnel&) const = default;
};

// In the order of ListenerKind.
using ListenerSettings = std::variant<WireguardListener>;
using Tunnel = std::variant<WireguardTunnel>;

// A port of ours.
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
// The tables that peers of this kind stand in: "wireguard.peer".
[[nodiscard]] std::string_view table_of(ListenerKind kind);

}  // namespace warren::config
