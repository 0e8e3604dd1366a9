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
#include "vpnd/wireguard/key_use.h"
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
    // Our public keys changed. Cookies given out stay good. `previous`: null when there is none.
    void set_public_keys(const crypto::PublicKey& ours, const crypto::PublicKey* previous);

    // `message` is a whole initiation or response. Constant time.
    [[nodiscard]] bool is_mac1_valid(Bytes message) const { return receiver_of(message).has_value(); }
    // The key of ours that its mac1 is made with; nothing when it is not valid. A previous key costs what does not fit
    // the present one a second mac.
    [[nodiscard]] std::optional<OurKey> receiver_of(Bytes message) const;
    // Against the present secret and the one before, so that a cookie is good for its whole life, whenever it was given
    // out.
    [[nodiscard]] bool is_mac2_valid(Instant now, Bytes message, const Endpoint& from);
    // The answer to `message`, whose sender index is `receiver`, and which came to that key.
    [[nodiscard]] CookieReply create_reply(Instant now, Bytes message, const Endpoint& from, std::uint32_t receiver,
                                           OurKey ours = OurKey::kPresent);

  private:
    void rotate(Instant now);

    // What a public key of ours makes.
    struct Keys {
        crypto::Hash mac1{};
        crypto::Hash cookie{};
    };

    crypto::RandomSource& random_;
    Keys present_;
    std::optional<Keys> previous_;
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
