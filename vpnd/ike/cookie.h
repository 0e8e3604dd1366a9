// Cookies: a peer shows that it receives at its address before it costs us anything (RFC 7296 §2.6, conformance KD2).
#pragma once

#include <array>
#include <cstdint>

#include "base/bytes.h"
#include "base/ip.h"
#include "base/time.h"
#include "crypto/hmac_sha.h"
#include "crypto/random.h"

namespace warren::ike {

inline constexpr std::size_t kCookieSize = 17;  // version, HMAC-SHA-256 cut to 16 bytes
using Cookie = std::array<std::uint8_t, kCookieSize>;
inline constexpr Duration kCookieSecretLife = std::chrono::seconds(120);

// Makes and checks cookies and keeps nothing of them: <version of the secret, HMAC(secret, Ni | IPi | port | SPIi)>.
class CookieSecrets {
  public:
    // `random` must outlive it.
    explicit CookieSecrets(crypto::RandomSource& random);

    // nonce: Ni; from: where the request came from.
    [[nodiscard]] Cookie make(Instant now, Bytes nonce, const Endpoint& from, std::uint64_t spi_i);
    // Whether it was made for these by the present secret or the one before. Constant time.
    [[nodiscard]] bool is_valid(Instant now, Bytes cookie, Bytes nonce, const Endpoint& from, std::uint64_t spi_i);

  private:
    void rotate(Instant now);

    crypto::RandomSource& random_;
    crypto::HmacSha secret_;
    crypto::HmacSha previous_;
    Instant made_ = kLongAgo;
    std::uint8_t version_ = 0;  // of secret_; previous_ has the one before
};

}  // namespace warren::ike
