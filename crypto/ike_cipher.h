// The ciphers of IKEv2's SK payloads, one message at a time: AEADs (RFC 5282, RFC 7634) and AES-CBC with HMAC, encrypt
// then MAC (RFC 7296 §3.14).
#pragma once

#include <cstdint>

#include "base/bytes.h"
#include "crypto/secret_bytes.h"
#include "crypto/sha.h"

namespace warren::crypto {

enum class IkeCipher : std::uint8_t {
    kAes128Gcm,  // with a tag of 16 bytes
    kAes256Gcm,
    kChacha20Poly1305,
    kAes128Cbc,
    kAes256Cbc,
};

[[nodiscard]] constexpr bool is_aead(IkeCipher cipher) {
    return cipher <= IkeCipher::kChacha20Poly1305;
}

// Of the key material of one direction in bytes, an AEAD's salt of 4 bytes included.
[[nodiscard]] constexpr std::size_t encryption_key_size(IkeCipher cipher) {
    switch (cipher) {
        case IkeCipher::kAes128Gcm: return 16 + 4;  // RFC 5282 §7.1
        case IkeCipher::kAes256Gcm:
        case IkeCipher::kChacha20Poly1305: return 32 + 4;  // RFC 7634 §2
        case IkeCipher::kAes128Cbc: return 16;
        case IkeCipher::kAes256Cbc: return 32;
    }
    return 0;
}

// A truncated HMAC (RFC 4868 §2.6: the first half; SHA-1: 12 bytes, RFC 2404).
struct Integrity {
    Sha sha = Sha::kSha256;
    std::size_t icv_size = 16;
    auto operator<=>(const Integrity&) const = default;
};

// The key of one direction.
struct IkeCipherKey {
    IkeCipher cipher = IkeCipher::kAes256Gcm;
    SecretBytes<36> encryption;              // AEAD: the key, then the salt of 4 bytes (RFC 5282 §7.1)
    Integrity integrity;                     // unused with an AEAD
    SecretBytes<kMostDigest> integrity_key;  // of the hash's length; empty with an AEAD

    // Sizes in bytes, as the cipher and the integrity say.
    [[nodiscard]] std::size_t iv_size() const { return is_aead(cipher) ? 8 : 16; }
    [[nodiscard]] std::size_t block_size() const { return is_aead(cipher) ? 1 : 16; }  // the text is a multiple of it
    [[nodiscard]] std::size_t icv_size() const { return is_aead(cipher) ? 16 : integrity.icv_size; }
};

// Writes iv || ciphertext || icv to `out`. `associated` is everything before the IV: the AEAD's associated data, or
// what the HMAC covers before the IV. iv.size() == iv_size(): never twice with one key for an AEAD, unpredictable for
// CBC. text.size() is a multiple of block_size(); out.size() == iv_size() + text.size() + icv_size(). No overlap.
void seal(const IkeCipherKey& key, Bytes iv, Bytes associated, Bytes text, MutableBytes out);

// The other way: `sealed` is iv || ciphertext || icv; out.size() is sealed.size() less IV and ICV. Integrity comes
// first. False, and `out` all zero, when it is wrong, or the ciphertext's length is none that seal() makes.
[[nodiscard]] bool open(const IkeCipherKey& key, Bytes associated, Bytes sealed, MutableBytes out);

}  // namespace warren::crypto
