// Diffie-Hellman by IKEv2's key exchange methods: Curve25519 (RFC 8031), ECP (RFC 5903) and MODP (RFC 3526) groups.
#pragma once

#include <cstdint>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "crypto/random.h"
#include "crypto/secret_bytes.h"

namespace warren::crypto {

enum class KeyExchangeMethod : std::uint8_t {
    kModp1024,  // only for peers that have nothing better
    kModp2048,
    kModp3072,
    kModp4096,
    kEcp256,
    kEcp384,
    kEcp521,
    kX25519,
};

// Of a public value on the wire, in bytes: fixed for each method (RFC 7296 §3.4, RFC 5903 §7, RFC 8031 §3.1).
[[nodiscard]] std::size_t public_value_size(KeyExchangeMethod method);

// g^ir, as it goes into SKEYSEED: of the group's length, leading zeros kept; ECP: the x coordinate (RFC 5903 §7).
using SharedSecret = SecretBytes<512>;

// One side's private value and its public value. Moved, never copied. Make a fresh one for each SA.
// Any thread, one at a time: making one and agree() are what takes long (some 60 us with X25519, milliseconds with
// MODP). What it takes depends on the method only, not on the private value.
class EphemeralKey {
  public:
    // An empty one: no public value; agree() fails.
    EphemeralKey() = default;
    [[nodiscard]] static EphemeralKey generate(KeyExchangeMethod method, RandomSource& random);
    // With a private value of one's own, big-endian (X25519: as RFC 7748 §5 writes it), for known answers. kInvalid
    // when it is not one of the group's.
    [[nodiscard]] static Result<EphemeralKey> from_private(KeyExchangeMethod method, Bytes private_value);

    [[nodiscard]] KeyExchangeMethod method() const { return method_; }
    // As the KE payload carries it.
    [[nodiscard]] Bytes public_value() const { return public_value_; }
    // kInvalid when `peer` is of another length, is no value of the group (MODP: 0, 1, p - 1 and more; ECP: not on the
    // curve), or the secret of X25519 is zero (RFC 6989, RFC 7748 §6.1).
    [[nodiscard]] Result<SharedSecret> agree(Bytes peer) const;

  private:
    KeyExchangeMethod method_ = KeyExchangeMethod::kX25519;
    SecretBytes<66> private_value_;
    std::vector<std::uint8_t> public_value_;
};

}  // namespace warren::crypto
