// mac1, mac2 and cookies: who may make us work, and how we show that we may (WireGuard whitepaper §5.3, §5.4.4,
// §5.4.7).
#pragma once

#include <optional>

#include "base/bytes.h"
#include "base/ip.h"
#include "base/time.h"
#include "crypto/blake2s.h"
#include "crypto/keys.h"
#include "crypto/random.h"
#include "crypto/secret.h"
#include "vpnd/wireguard/messages.h"

namespace warren::wireguard {

// HASH("mac1----" || key) and HASH("cookie--" || key): the receiver's public key makes the keys of both macs. Not
// secret.
[[nodiscard]] crypto::Hash mac1_key_of(const crypto::PublicKey& receiver);
[[nodiscard]] crypto::Hash cookie_key_of(const crypto::PublicKey& receiver);

// The receiving side: checks macs, gives out cookies. A cookie is bound to address and port (conformance C4).
class CookieChecker {
  public:
    CookieChecker(const crypto::PublicKey& ours, crypto::RandomSource& random);
    // Our public key changed. Cookies given out stay good.
    void set_public_key(const crypto::PublicKey& ours);

    // `message` is a whole initiation or response. Constant time.
    [[nodiscard]] bool is_mac1_valid(Bytes message) const;
    // Against the present secret and the one before, so that a cookie is good for its whole life, whenever it was given
    // out.
    [[nodiscard]] bool is_mac2_valid(Instant now, Bytes message, const Endpoint& from);
    // The answer to `message`, whose sender index is `receiver`.
    [[nodiscard]] CookieReply create_reply(Instant now, Bytes message, const Endpoint& from, std::uint32_t receiver);

  private:
    void rotate(Instant now);

    crypto::RandomSource& random_;
    crypto::Hash mac1_key_{};
    crypto::Hash cookie_key_{};
    crypto::Secret<32> secret_;
    crypto::Secret<32> previous_secret_;
    Instant secret_made_ = kLongAgo;
};

enum class CookieVerdict : std::uint8_t { kAccepted, kUnexpected, kBad };

// The sending side, one per peer: puts macs on messages and keeps the cookie that the peer gave us.
class MacWriter {
  public:
    // Writes mac1 and mac2 (zero without a fresh cookie) at the end of a whole initiation or response to `receiver`.
    void sign(Instant now, MutableBytes message, const crypto::PublicKey& receiver);
    // Takes a cookie only in answer to our last message, and once (WireGuard whitepaper §6.6).
    [[nodiscard]] CookieVerdict consume(Instant now, const CookieReply& reply, const crypto::PublicKey& sender);

  private:
    std::optional<Mac> last_mac1_;
    Cookie cookie_{};
    Instant cookie_received_ = kLongAgo;
};

}  // namespace warren::wireguard
