// The session of the bare programs, and just enough of a responder to get it from an ordinary client.
#pragma once

#include <netinet/in.h>

#include <array>
#include <optional>

#include "crypto/keys.h"
#include "crypto/random.h"
#include "crypto/x25519.h"
#include "vpnd/wireguard/messages.h"

namespace warren::bench {

struct BareSession {
    std::uint32_t local_id = 0;  // 0: there is none
    std::uint32_t remote_id = 0;
    std::uint64_t counter = 0;  // the next to send
    sockaddr_in remote{};
    crypto::AeadKey send_key;
    crypto::AeadKey receive_key;
};

using ResponseBytes = std::array<std::uint8_t, wireguard::kResponseSize>;

// Whoever knows the public key is the peer: its newest session and the one before. One thread.
class Sessions {
  public:
    explicit Sessions(crypto::KeyPair ours) : ours_(std::move(ours)) {}

    // The response to an initiation, which begins a session at once. Nothing if it is not authentic.
    [[nodiscard]] std::optional<ResponseBytes> answer(Bytes initiation, const sockaddr_in& from);
    // Null if it is unknown.
    [[nodiscard]] BareSession* find(std::uint32_t local_id);
    // Null before the first handshake.
    [[nodiscard]] BareSession* newest() { return find(last_id_); }

  private:
    crypto::KeyPair ours_;
    crypto::SystemRandom random_;
    std::uint32_t last_id_ = 0;
    std::array<BareSession, 2> sessions_;  // by the last bit of local_id
};

}  // namespace warren::bench
