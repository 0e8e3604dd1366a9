// MODP groups (RFC 3526 §3 to §5; RFC 2409 §6.2); used by key_exchange.cc only.
//
// Over OpenSSL's big numbers and not over its key objects: those draw private values from a generator of their own,
// which a simulation cannot repeat, and check a public value with another exponentiation, which safe primes do not need
// (RFC 6989 §2.1).
#pragma once

#include <cstdint>
#include <vector>

#include "base/bytes.h"
#include "crypto/key_exchange.h"
#include "crypto/openssl_objects.h"
#include "crypto/random.h"
#include "crypto/secret_bytes.h"

namespace warren::crypto {

// Any thread: nothing changes after construction.
class ModpGroup {
  public:
    // exponent_bits: a multiple of 8, at most 8 * 66.
    ModpGroup(Openssl<BIGNUM> prime, int exponent_bits);

    [[nodiscard]] SecretBytes<66> private_value(RandomSource& random) const;
    // 2^exponent, padded. Empty when the exponent is zero.
    [[nodiscard]] std::vector<std::uint8_t> power_of_generator(Bytes exponent) const;
    // base^exponent, padded; base has the group's length. Empty unless 1 < base < p - 1.
    [[nodiscard]] SharedSecret power(Bytes base, Bytes exponent) const;

  private:
    void power(const BIGNUM* base, Bytes exponent, BN_CTX* context, MutableBytes out) const;

    Openssl<BIGNUM> prime_;
    Openssl<BIGNUM> prime_less_1_;
    Openssl<BN_MONT_CTX> montgomery_;
    std::size_t exponent_size_;
};

// method is one of the MODP groups.
[[nodiscard]] const ModpGroup& modp_group(KeyExchangeMethod method);

}  // namespace warren::crypto
