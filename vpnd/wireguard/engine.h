// The WireGuard control protocol of one listener (a port with a static key): handshakes, cookies, timers, of all its
// peers.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/ip.h"
#include "base/time.h"
#include "base/token_bucket.h"
#include "crypto/keys.h"
#include "crypto/random.h"
#include "vpnd/control/engine.h"
#include "vpnd/control/index_table.h"
#include "vpnd/dataplane/install.h"
#include "vpnd/wireguard/handshake_counters.h"
#include "vpnd/wireguard/key_use.h"
#include "vpnd/wireguard/output.h"
#include "vpnd/wireguard/tai64n.h"

namespace warren::wireguard {

class EphemeralPool;

// What is kept of a peer over a restart, beside its timestamp.
struct LastKnown {
    std::optional<Endpoint> endpoint;  // where it was last
    LocalAddress local;                // and where it sent to; unspecified: not known
    WallTime latest_handshake;         // 0: never
    bool has_session = false;
    KeyUse keys = {};  // of the latest handshake
};

// A second key of a peer, while an operator changes it.
struct NextKey {
    crypto::PublicKey public_key;
    Tai64n latest_timestamp;  // as PeerConfig::timestamp_floor
};

// What is configured of one peer.
struct PeerConfig {
    PeerIndex index;
    CustomerIndex customer;
    std::uint32_t worker = 0;  // the data worker of the customer
    crypto::PublicKey public_key;
    crypto::PresharedKey preshared_key;              // all zero: none
    std::optional<Endpoint> endpoint;                // absent: the peer must come to us first
    std::uint16_t persistent_keepalive_seconds = 0;  // 0: off
    Tai64n timestamp_floor;  // initiations up to here are old: what was kept over a restart of this peer's latest
                             // (conformance H7)
    std::unique_ptr<const LastKnown> last_known;  // of a new peer; null: nothing is
    std::unique_ptr<NextKey> next;                // null: none. Both keys are the same peer
    WallTime expires;                             // from then on nothing of it is accepted; 0: never
    std::uint32_t handshakes_per_second = 0;      // that all peers of its customer may begin, as many at once; 0: any
    // What leaves for it leaves from one of these, at most one of a family, and from nowhere else; an initiation that
    // arrived at another address gets no answer. Null: any address of ours.
    std::unique_ptr<const std::vector<IpAddress>> sources;
};

// No I/O, no clock: time, bytes and randomness come in, values go out. Every call appends to `out` and never empties
// it; a peer that was removed or never known is ignored. After every call, next_deadline() may be earlier. Thread rule:
// the control worker only. Source: WireGuard whitepaper §5, §6.
class Engine final : public control::Engine {
  public:
    // The references and what is pointed to must outlive the engine. Without a pool each ephemeral key is made when it
    // is needed. `pace`: of the initiations of several engines together (kPacedPerSecond); without one it has its own.
    // `previous`: as set_private_key().
    Engine(ListenerIndex listener, crypto::PrivateKey private_key, control::IndexTable& indexes,
           crypto::RandomSource& random, EphemeralPool* ephemerals = nullptr, TokenBucket* pace = nullptr,
           crypto::PrivateKey previous = {});
    Engine(Engine&&) noexcept;
    ~Engine() override;

    // Tells listeners with the same key apart in the names of peers whose sessions are kept from now on.
    void set_listener_name(std::string name);
    // Timestamps of ours are later than this.
    void set_own_floor(const Tai64n& floor);

    // A new peer, or new settings of a present one (same index): sessions stay, a new preshared key counts from the
    // next handshake (conformance H14), an endpoint only when it differs from the one configured before. A new worker
    // means a new peer, and so do public keys of which it had none before: of one that stays the sessions do, those of
    // one that is gone end. A public key that another index has moves here. Our own public key is ignored without a
    // word (conformance H15).
    // `kept`: of a new peer, its sessions with an earlier process, of all its keys and ours, oldest first. Those that
    // are still good go on. A new peer that had a session when it was last seen, and has none of these, gets an
    // initiation, in turn.
    void put_peer(Now now, PeerConfig&& config, Output& out, std::span<control::SessionRecord> kept = {});
    void remove_peer(Now now, PeerIndex peer, Output& out) override;
    // Peers stay, but nothing is sent any more on sessions of a key that is gone; new handshakes are possible at once
    // (conformance H15). `previous`: answered as well, and its sessions go on; zero: none.
    void set_private_key(Now now, crypto::PrivateKey private_key, Output& out, crypto::PrivateKey previous = {});

    // An initiation or a response, by its length.
    [[nodiscard]] bool is_expensive(Bytes datagram) const override;
    // Form and mac1 alone, in half a microsecond.
    [[nodiscard]] control::Standing standing_of(Now now, const Arrival& arrival, Bytes datagram) override;
    void handle_datagram(Now now, const Arrival& arrival, Bytes datagram, Output& out) override;
    void handle_event(Now now, const dataplane::Event& event, Output& out) override;
    void handle_timeout(Now now, Output& out) override;
    [[nodiscard]] Instant next_deadline() const override;

    // Many waiting datagrams together with many expensive ones (valid mac1, no replay) put the listener under load,
    // until a second after the last such moment (conformance C8, C11, C13).
    void set_queue_length(std::size_t waiting) override;
    [[nodiscard]] bool under_load(Now now) const override;

    [[nodiscard]] const crypto::PublicKey& public_key() const;
    [[nodiscard]] ListenerIndex listener() const;
    [[nodiscard]] std::string identity() const override;
    [[nodiscard]] std::string previous_identity() const override;
    // Null when there is none.
    [[nodiscard]] const crypto::PublicKey* previous_public_key() const;
    [[nodiscard]] std::optional<PeerStatus> peer_status(PeerIndex peer) const override;
    [[nodiscard]] control::EngineCounters totals() const override;
    [[nodiscard]] std::vector<control::Refusal> refusals() const override;
    [[nodiscard]] bool has_refusals_to_tell() const override;
    [[nodiscard]] std::vector<control::Refusals::Told> tell_refusals(Instant now, std::size_t most) override;
    [[nodiscard]] std::optional<control::KeptPeer> kept_peer(PeerIndex peer, SessionId session) const override;
    // The name that this listener's peer with that key has in the table of kept sessions, of handshakes with that key
    // of ours, which there is.
    [[nodiscard]] control::PeerName name_of(const crypto::PublicKey& peer, OurKey ours = OurKey::kPresent) const;
    [[nodiscard]] std::size_t peer_count() const;
    [[nodiscard]] const HandshakeCounters& counters() const;
    // The latest accepted timestamp of each peer that has one; give it back as PeerConfig::timestamp_floor after a
    // restart.
    [[nodiscard]] std::vector<std::pair<crypto::PublicKey, Tai64n>> export_timestamps() const;
    struct ToKeep {
        crypto::PublicKey ours;  // as the peer used it last
        crypto::PublicKey public_key;
        std::optional<Endpoint> configured;
        LastKnown peer;  // to be given back as PeerConfig::last_known after a restart
    };
    // Nothing for an unknown peer.
    [[nodiscard]] std::optional<ToKeep> to_keep(PeerIndex peer) const;

  private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace warren::wireguard
