// Names of things, each its own type, so that one cannot be passed for another.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <functional>

#include "base/bytes.h"

namespace warren {

// A dense handle. `Tag` keeps kinds apart; the value indexes arrays of the process that gave it out.
template <typename Tag>
struct Index {
    std::uint32_t value = UINT32_MAX;

    auto operator<=>(const Index&) const = default;
    [[nodiscard]] bool valid() const { return value != UINT32_MAX; }
};

using CustomerIndex = Index<struct CustomerTag>;      // a customer inside vpnd
using PeerIndex = Index<struct PeerTag>;              // a peer inside vpnd, unique over all customers and listeners
using ListenerIndex = Index<struct ListenerTag>;      // a listener inside vpnd
using ConnectionIndex = Index<struct ConnectionTag>;  // a connection of IKE's inside vpnd, unique over all customers

// What a listener, and a tunnel to it, speaks. In the order of the alternatives of the variants that hold what only one
// kind has (config/tunnel.h, ipc/tunnel.h). A tunnel of IKE's is a connection, not a peer.
enum class ListenerKind : std::uint8_t { kWireguard, kIke };

// Tells a peer from all others of its listener, whatever its protocol: WireGuard's public key, or a hash of what names
// the peer elsewhere.
struct PeerIdentity {
    std::array<std::uint8_t, 32> bytes{};

    auto operator<=>(const PeerIdentity&) const = default;
};

// A long-lived secret, or what a peer's certificate is checked with: stackd numbers them, authd has what they are, and
// vpnd asks by the number. Other contents have another number. kNoSecret: nobody has it.
using SecretId = std::uint64_t;
inline constexpr SecretId kNoSecret = 0;

// Names a session in the messages that carry packets to us. We choose it: a WireGuard receiver index, an ESP SPI.
// Layout: the low kWorkerBits name the data worker that owns the session, the rest is random. A protocol writes it in
// its own byte order (WireGuard little-endian, ESP big-endian).
struct SessionId {
    static constexpr std::uint32_t kWorkerBits = 6;
    static constexpr std::uint32_t kLeast = 256;  // below are no sessions: ESP reserves SPIs 0 to 255 (RFC 4303 §2.1)
    std::uint32_t value = 0;

    auto operator<=>(const SessionId&) const = default;
    [[nodiscard]] bool valid() const { return value != 0; }
    [[nodiscard]] std::uint32_t worker() const { return value & ((1U << kWorkerBits) - 1); }
};

}  // namespace warren

template <typename Tag>
struct std::hash<warren::Index<Tag>> {
    std::size_t operator()(const warren::Index<Tag>& index) const noexcept {
        return std::hash<std::uint32_t>()(index.value);
    }
};
template <>
struct std::hash<warren::SessionId> {
    std::size_t operator()(const warren::SessionId& index) const noexcept {
        return std::hash<std::uint32_t>()(index.value);
    }
};
template <>
struct std::hash<warren::PeerIdentity> {
    // Identities are configured, and a key or a hash already: the first bytes are hash enough.
    std::size_t operator()(const warren::PeerIdentity& identity) const noexcept {
        return warren::load_le<std::uint64_t>(identity.bytes.data());
    }
};
