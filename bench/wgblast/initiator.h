// One peer's side of handshakes with the hub, and the resulting session (WireGuard whitepaper §5.4).
#pragma once

#include <optional>

#include "base/time.h"
#include "crypto/random.h"
#include "crypto/x25519.h"
#include "vpnd/wireguard/cookie.h"
#include "vpnd/wireguard/messages.h"
#include "vpnd/wireguard/noise.h"
#include "vpnd/wireguard/tai64n.h"

namespace warren::bench {

struct Session {
    crypto::AeadKey send_key;
    crypto::AeadKey receive_key;
    std::uint32_t local_id = 0;
    std::uint32_t remote_id = 0;
    std::uint64_t counter = 0;  // the next to send
    Instant created;
};

using InitiationBytes = std::array<std::uint8_t, wireguard::kInitiationSize>;

class Initiator {
  public:
    Initiator(crypto::KeyPair ours, const crypto::PublicKey& hub);

    // A new initiation with sender index `index`; it replaces the one before. Nothing if the hub's key is invalid.
    [[nodiscard]] std::optional<InitiationBytes> initiate(Now now, std::uint32_t index, crypto::RandomSource& random);
    // The session of a response to the last initiation; nothing if it is not one, or not authentic.
    [[nodiscard]] std::optional<Session> consume_response(Instant now, Bytes datagram);
    // True if the next initiation will carry the cookie.
    [[nodiscard]] bool consume_cookie_reply(Instant now, Bytes datagram);

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
};

}  // namespace warren::bench
