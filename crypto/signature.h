// Signatures of IKEv2's AUTH payload, and the keys that make and verify them.
#pragma once

#include <cstdint>
#include <optional>
#include <tl/expected.hpp>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "crypto/openssl_key.h"

namespace warren::crypto {

enum class SigningKeyKind : std::uint8_t { kRsa, kEcdsaP256, kEcdsaP384, kEcdsaP521, kEd25519 };

// Of an RSA key, in bits. A longer one makes each verification cost more than a stranger may ask for.
inline constexpr int kLeastRsaBits = 2048;
inline constexpr int kMostRsaBits = 4096;

// Why a key is none that we use.
enum class KeyFlaw : std::uint8_t {
    kMalformed,    // or encrypted
    kUnsupported,  // another algorithm or curve
    kTooShort,
    kTooLong,  // also a public exponent of more than 32 bits
};

// Hash algorithms that a side takes in signatures, a bit for each: 1 << its number (RFC 7427 §7).
using HashSet = std::uint32_t;
inline constexpr HashSet kHashSha256 = 1U << 2U;
inline constexpr HashSet kHashSha384 = 1U << 3U;
inline constexpr HashSet kHashSha512 = 1U << 4U;
inline constexpr HashSet kHashIdentity = 1U << 5U;  // RFC 8420: what Ed25519 needs
// All that VerifyingKey verifies with method 14. SHA-1 is none of them.
inline constexpr HashSet kHashesVerified = kHashSha256 | kHashSha384 | kHashSha512 | kHashIdentity;

// Numbers of AUTH methods (RFC 7296 §3.8, RFC 4754 §3, RFC 7427 §3).
inline constexpr std::uint8_t kAuthRsaSha1 = 1;
inline constexpr std::uint8_t kAuthEcdsaSha256 = 9;
inline constexpr std::uint8_t kAuthEcdsaSha384 = 10;
inline constexpr std::uint8_t kAuthEcdsaSha512 = 11;
inline constexpr std::uint8_t kAuthDigitalSignature = 14;

struct AuthSignature {
    std::uint8_t method = 0;
    std::vector<std::uint8_t> data;  // of the AUTH payload; with method 14 it begins with the AlgorithmIdentifier
};

// A private key. Moved, never copied; OpenSSL wipes it. One thread.
class SigningKey {
  public:
    // PEM: PKCS#8, or the older forms of RSA and EC keys; not encrypted. What else the text has is skipped.
    [[nodiscard]] static tl::expected<SigningKey, KeyFlaw> from_pem(Bytes pem);

    [[nodiscard]] SigningKeyKind kind() const { return kind_; }
    // DER of its SubjectPublicKeyInfo.
    [[nodiscard]] std::vector<std::uint8_t> public_key() const;

    // Signs for a peer that takes these hashes with method 14; none of them: it sent no SIGNATURE_HASH_ALGORITHMS and
    // gets method 1, 9, 10 or 11. An RSA key signs as PKCS1 v1.5, or as RSASSA-PSS where `prefers_pss`. Nothing: no
    // way of signing that this peer takes.
    [[nodiscard]] std::optional<AuthSignature> sign(HashSet hashes, bool prefers_pss, Bytes octets) const;

  private:
    SigningKey(OpensslKey key, SigningKeyKind kind) : key_(std::move(key)), kind_(kind) {}
    OpensslKey key_;
    SigningKeyKind kind_;
};

// A public key.
class VerifyingKey {
  public:
    // DER of a SubjectPublicKeyInfo, with nothing behind it. It is checked before anything is computed with it.
    [[nodiscard]] static tl::expected<VerifyingKey, KeyFlaw> from_der(Bytes subject_public_key_info);
    // One that OpenSSL has read already, which is what takes long. Null: kMalformed.
    [[nodiscard]] static tl::expected<VerifyingKey, KeyFlaw> from_key(OpensslKey key);

    [[nodiscard]] SigningKeyKind kind() const { return kind_; }
    // What an AUTH payload has. False: another signature, another key, or an algorithm that is not for this key.
    // Method 1 is verified too: whether this peer may still use SHA-1 is the caller's to say.
    [[nodiscard]] bool verify(std::uint8_t method, Bytes data, Bytes octets) const;

  private:
    VerifyingKey(OpensslKey key, SigningKeyKind kind) : key_(std::move(key)), kind_(kind) {}
    OpensslKey key_;
    SigningKeyKind kind_;
};

// OpenSSL looks an algorithm up when it is used the first time, and reads its configuration then. What can sign and
// verify is used once here, so that it needs no file later.
void load_signature_algorithms();

// The AUTH data of method 14 says RSASSA-PSS: then the same peer takes it too.
[[nodiscard]] bool is_rsa_pss(std::uint8_t method, Bytes data);

}  // namespace warren::crypto
