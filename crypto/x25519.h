// Diffie-Hellman over Curve25519 (RFC 7748 §5, §6.1), from libsodium.
#pragma once

#include <optional>

#include "crypto/keys.h"
#include "crypto/random.h"

namespace warren::crypto {

[[nodiscard]] PrivateKey generate_private_key(RandomSource& random);
[[nodiscard]] PublicKey public_key_of(const PrivateKey& key);
// The shared secret; nothing when it is all zero (a low-order public key, RFC 7748 §6.1), which every caller must refuse.
[[nodiscard]] std::optional<Secret<32>> x25519(const PrivateKey& ours, const PublicKey& theirs);

}  // namespace warren::crypto
