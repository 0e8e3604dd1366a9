#include <sodium.h>

#include "base/check.h"
#include "crypto/aead.h"
#include "crypto/aead_backends.h"
#include "crypto/sodium_ready.h"

namespace warren::crypto {

namespace {

// False, and `out` all zero, when `sealed` is too short to hold a tag.
bool may_be_sealed(Bytes sealed, MutableBytes out) {
    if (sealed.size() < kTagSize) {
        wipe(out);
        return false;
    }
    WARREN_CHECK(out.size() == sealed.size() - kTagSize);
    return true;
}

}  // namespace

void aead_seal(const Secret<32>& key, std::uint64_t counter, Bytes associated, Bytes plaintext, MutableBytes out) {
    WARREN_CHECK(out.size() == plaintext.size() + kTagSize);
    ensure_sodium_ready();
    const AeadNonce nonce = nonce_of(counter);
    ::crypto_aead_chacha20poly1305_ietf_encrypt(out.data(), nullptr, plaintext.data(), plaintext.size(),
                                                associated.data(), associated.size(), nullptr, nonce.data(),
                                                key.reveal().data());
}

bool aead_open(const Secret<32>& key, std::uint64_t counter, Bytes associated, Bytes sealed, MutableBytes out) {
    if (!may_be_sealed(sealed, out)) return false;
    ensure_sodium_ready();
    const AeadNonce nonce = nonce_of(counter);
    const int status = ::crypto_aead_chacha20poly1305_ietf_decrypt(out.data(), nullptr, nullptr, sealed.data(),
                                                                   sealed.size(), associated.data(), associated.size(),
                                                                   nonce.data(), key.reveal().data());
    if (status != 0) wipe(out);
    return status == 0;
}

void xaead_seal(Bytes key, const std::array<std::uint8_t, 24>& nonce, Bytes associated, Bytes plaintext,
                MutableBytes out) {
    WARREN_CHECK(key.size() == crypto_aead_xchacha20poly1305_ietf_KEYBYTES &&
                 out.size() == plaintext.size() + kTagSize);
    ensure_sodium_ready();
    ::crypto_aead_xchacha20poly1305_ietf_encrypt(out.data(), nullptr, plaintext.data(), plaintext.size(),
                                                 associated.data(), associated.size(), nullptr, nonce.data(),
                                                 key.data());
}

bool xaead_open(Bytes key, const std::array<std::uint8_t, 24>& nonce, Bytes associated, Bytes sealed,
                MutableBytes out) {
    WARREN_CHECK(key.size() == crypto_aead_xchacha20poly1305_ietf_KEYBYTES);
    if (!may_be_sealed(sealed, out)) return false;
    ensure_sodium_ready();
    const int status =
        ::crypto_aead_xchacha20poly1305_ietf_decrypt(out.data(), nullptr, nullptr, sealed.data(), sealed.size(),
                                                     associated.data(), associated.size(), nonce.data(), key.data());
    if (status != 0) wipe(out);
    return status == 0;
}

}  // namespace warren::crypto
