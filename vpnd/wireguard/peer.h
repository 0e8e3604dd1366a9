// What the engine keeps of one peer.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>

#include "base/ip.h"
#include "base/time.h"
#include "crypto/keys.h"
#include "vpnd/wireguard/cookie.h"
#include "vpnd/wireguard/engine.h"
#include "vpnd/wireguard/key_use.h"
#include "vpnd/wireguard/noise.h"
#include "vpnd/wireguard/tai64n.h"
#include "vpnd/wireguard/timers.h"

namespace warren::wireguard {

// Our initiation that waits for its response. Its keys are wiped with it.
struct PendingInitiation {
    SessionId index;
    SymmetricState state;
    crypto::KeyPair ephemeral;
    KeyUse keys;
};

// A session that the data plane holds the keys of.
struct Keypair {
    SessionId index;
    std::uint32_t worker = 0;  // that has it; usually the one that its index names
    Instant created;
    bool awaits_confirmation = false;
    KeyUse keys;
};

// The three slots (conformance S1), each retired when it is kRejectAfterTime old: long before the 540 s of whitepaper
// §6.3 nothing is left to wipe. With the pending initiation a peer has four indexes at most.
struct Keypairs {
    std::optional<Keypair>
        next;  // we responded, and it is not confirmed, or one that we initiated overtook it: not sent on
    std::optional<Keypair> current;   // sent on
    std::optional<Keypair> previous;  // received on until its last packets are in
};

struct Peer;

// The address of ours that what leaves for the peer leaves from: that of its sources which has the family of `remote`;
// `otherwise` when it has no sources. Nothing: no source has that family, and nothing can be sent there.
[[nodiscard]] inline std::optional<LocalAddress> source_for(const PeerConfig& config, const Endpoint& remote,
                                                            const LocalAddress& otherwise) {
    if (config.sources == nullptr) return otherwise;
    for (const IpAddress& source : *config.sources) {
        if (source.family == remote.address.family) return LocalAddress{source, 0};
    }
    return std::nullopt;
}

// A peer that was configured. Most of ten thousand customers' peers are asleep at any time, and this is all they cost.
struct PeerEntry {
    PeerConfig config;        // its timestamps grow with each initiation that is accepted
    std::uint32_t timer = 0;  // its number among the entries, and in the engine's heap of deadlines
    Now latest_handshake{kLongAgo, {}};
    LostBecause lost_because = LostBecause::kSilent;
    bool is_awaited = false;  // it had a session before we were restarted, and has not come back yet, nor been given up
    bool is_expired = false;  // as far as was noticed yet
    KeyUse in_use;            // of its latest handshake that was completed
    std::uint32_t refused_as_old = 0;
    std::uint32_t refused_as_too_soon = 0;
    std::unique_ptr<Peer> awake;  // null until the first handshake is tried, by either side, or a keepalive is due

    // `which` is there.
    [[nodiscard]] const crypto::PublicKey& key(TheirKey which) const {
        return which == TheirKey::kNext && config.next != nullptr ? config.next->public_key : config.public_key;
    }
    // The latest timestamp of initiations with this key: the next must be later (conformance H5). Each key has its own:
    // what was sent with the one does not make the other's old.
    [[nodiscard]] Tai64n& latest(TheirKey which) {
        return which == TheirKey::kNext && config.next != nullptr ? config.next->latest_timestamp
                                                                  : config.timestamp_floor;
    }

    // Of a peer that is asleep.
    [[nodiscard]] std::optional<Endpoint> endpoint() const {
        const auto known =
            config.last_known && config.last_known->endpoint ? config.last_known->endpoint : config.endpoint;
        return known && source_for(config, *known, {}) ? known : std::nullopt;
    }
    [[nodiscard]] LocalAddress local() const {
        const auto remote = endpoint();
        if (!remote) return {};
        const bool is_known = config.last_known && config.last_known->endpoint;
        const LocalAddress otherwise = is_known ? config.last_known->local : LocalAddress{};
        return source_for(config, *remote, otherwise).value_or(LocalAddress{});
    }
};

// What a peer needs from its first handshake on.
struct Peer {
    explicit Peer(PeerEntry& of) : entry(of), config(of.config), endpoint(of.endpoint()), local(of.local()) {}

    PeerEntry& entry;
    const PeerConfig& config;

    std::optional<crypto::Secret<32>> static_static;  // DH(our static key, theirs), from the first handshake on
    using StaticStatics = std::array<std::optional<crypto::Secret<32>>, kAllKeyUses.size() - 1>;
    std::unique_ptr<StaticStatics> other_static_statics;  // with other keys than the present ones; null: none

    std::optional<Endpoint> endpoint;  // the newest authentic one, before that the kept or the configured one
    std::optional<Endpoint> endpoint_before;
    std::uint32_t returns = 0;  // to that one, since returns_since
    Instant returns_since = kLongAgo;
    Instant flapped = kLongAgo;  // when that was told last; kLongAgo: not, or not any more
    LocalAddress local;          // ours that the peer sends to; unspecified: let the kernel choose

    Tai64n latest_timestamp_sent;                 // ours
    Instant last_initiation_accepted = kLongAgo;  // conformance H8

    std::unique_ptr<PendingInitiation> pending;
    Keypairs keypairs;
    bool sending_stopped = false;  // our private key changed and no session came after
    [[nodiscard]] bool has_session() const { return keypairs.current && !sending_stopped; }
    MacWriter macs;
    PeerTimers timers;
};

}  // namespace warren::wireguard
