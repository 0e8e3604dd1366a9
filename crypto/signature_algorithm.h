// How a signature was made, as the AUTH payload says it (RFC 7427 §3, RFC 4754 §7); used by signature.cc only.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/bytes.h"
#include "crypto/sha.h"

namespace warren::crypto {

struct SignatureAlgorithm {
    enum class Kind : std::uint8_t { kRsa, kRsaPss, kEcdsa, kEd25519 };  // kRsa: PKCS1 v1.5
    Kind kind = Kind::kRsa;
    Sha sha = Sha::kSha256;  // kEd25519: none
    bool operator==(const SignatureAlgorithm&) const = default;
};

// The DER of its AlgorithmIdentifier (RFC 7427 App. A, RFC 8420 App. A). Not for RSA or ECDSA with SHA-1.
[[nodiscard]] Bytes identifier_of(const SignatureAlgorithm& algorithm);

// AUTH data of method 14: its algorithm, and the signature as OpenSSL takes it.
struct SplitSignature {
    SignatureAlgorithm algorithm;
    Bytes signature;
};
// Nothing: malformed, or an algorithm that we do not verify; SHA-1 is one. RSASSA-PSS: one hash for the message and for
// MGF1, and a salt of its length (RFC 7427 App. A.4).
[[nodiscard]] std::optional<SplitSignature> split_identifier(Bytes data);

// Bytes of r and of s with methods 9, 10 and 11.
[[nodiscard]] std::size_t field_size_of(std::uint8_t method);
// An ECDSA signature in DER as r || s, each of field_size bytes (RFC 4754 §7), and back. Empty: it is none.
[[nodiscard]] std::vector<std::uint8_t> plain_ecdsa(Bytes der, std::size_t field_size);
[[nodiscard]] std::vector<std::uint8_t> der_ecdsa(Bytes plain, std::size_t field_size);

}  // namespace warren::crypto
