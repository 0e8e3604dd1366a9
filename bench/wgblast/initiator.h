// One peer's side of WireGuard's handshakes with the hub, and the resulting session (whitepaper §5.4).
#pragma once

#include <optional>

#include "base/time.h"
#include "bench/wgblast/handshake.h"
#include "crypto/random.h"
#include "crypto/x25519.h"
#include "vpnd/wireguard/cookie.h"
#include "vpnd/wireguard/messages.h"
#include "vpnd/wireguard/noise.h"
#include "vpnd/wireguard/tai64n.h"

namespace warren::bench {

using InitiationBytes = std::array<std::uint8_t, wireguard::kInitiationSize>;

class Initiator final : public Handshake {
  public:
    Initiator(crypto::KeyPair ours, const crypto::PublicKey& hub);

    // A new initiation with sender index `index`; it replaces the one before. Nothing if the hub's key is invalid.
    [[nodiscard]] std::optional<InitiationBytes> initiate(Now now, std::uint32_t index, crypto::RandomSource& random);
    // The session of a response to the last initiation; nothing if it is not one, or not authentic.
    [[nodiscard]] std::optional<Session> consume_response(Instant now, Bytes datagram);
    // True if the next initiation will carry the cookie.
    [[nodiscard]] bool consume_cookie_reply(Instant now, Bytes datagram);

    [[nodiscard]] std::vector<std::uint8_t> begin(Now now, std::uint32_t index) override;
    [[nodiscard]] Reaction take(Now now, Bytes datagram) override;

  private:
    struct Pending {
        wireguard::SymmetricState state;
        crypto::KeyPair ephemeral;
        std::uint32_t index;
    };
    crypto::KeyPair ours_;
    crypto::PublicKey hub_;
    std::optional<crypto::Secret<32>> static_static_;
    std::optional<Pending> pending_;
    wireguard::Tai64n timestamp_;
    wireguard::MacWriter macs_;
    crypto::SystemRandom random_;
};

}  // namespace warren::bench
