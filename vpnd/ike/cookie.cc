#include "vpnd/ike/cookie.h"

#include <algorithm>

#include "crypto/secret.h"

namespace warren::ike {

namespace {

constexpr crypto::Sha kSha = crypto::Sha::kSha256;

crypto::HmacSha new_secret(crypto::RandomSource& random) {
    crypto::Secret<32> secret;
    random.fill(secret.writable());
    return {kSha, secret.reveal()};
}

// What a cookie is bound to. The nonce comes last and all else has a fixed length: with the lengths of nonce and
// address both open, one text could stand for two requests.
struct Bound {
    std::array<std::uint8_t, 1 + 16 + 4 + 2 + 8> fixed;
    Bytes nonce;

    Bound(Bytes ni, const Endpoint& from, std::uint64_t spi_i) : fixed(), nonce(ni) {
        ByteWriter writer(fixed);
        writer.u8(static_cast<std::uint8_t>(from.address.family));
        writer.bytes(from.address.octets);
        writer.be(from.scope_id);
        writer.be(from.port);
        writer.be(spi_i);
    }
};

}  // namespace

CookieSecrets::CookieSecrets(crypto::RandomSource& random)
    : random_(random), secret_(new_secret(random)), previous_(new_secret(random)) {}

Cookie CookieSecrets::make(Instant now, Bytes nonce, const Endpoint& from, std::uint64_t spi_i) {
    rotate(now);
    const Bound bound(nonce, from, spi_i);
    Cookie out;
    out[0] = version_;
    secret_.compute({bound.fixed, bound.nonce}, MutableBytes(out).subspan(1));
    return out;
}

bool CookieSecrets::is_valid(Instant now, Bytes cookie, Bytes nonce, const Endpoint& from, std::uint64_t spi_i) {
    rotate(now);
    if (cookie.size() != kCookieSize) return false;
    const bool is_present = cookie[0] == version_;
    if (!is_present && cookie[0] != static_cast<std::uint8_t>(version_ - 1)) return false;
    const Bound bound(nonce, from, spi_i);
    return (is_present ? secret_ : previous_).matches({bound.fixed, bound.nonce}, cookie.subspan(1));
}

void CookieSecrets::rotate(Instant now) {
    const Duration age = now - made_;
    if (age < kCookieSecretLife) return;
    // A secret that was out of use for a whole life is not worth keeping: nobody holds a fresh cookie of it.
    previous_ = age < 2 * kCookieSecretLife ? std::move(secret_) : new_secret(random_);
    secret_ = new_secret(random_);
    made_ = now;
    ++version_;
}

}  // namespace warren::ike
