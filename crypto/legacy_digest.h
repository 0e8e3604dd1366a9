// MD4 (RFC 1320) and DES (FIPS 46-3): MS-CHAPv2 is made of them (RFC 2759 §8), and nothing else here may be.
#pragma once

#include <cstdint>
#include <initializer_list>

#include "base/bytes.h"

struct evp_cipher_st;
struct evp_md_st;

namespace warren::crypto {

// Made by load_legacy_digest() (crypto/legacy_provider.h). A value; any thread.
class LegacyDigest {
  public:
    // Both must outlive it.
    LegacyDigest(const evp_md_st& md4, const evp_cipher_st& des) : md4_(&md4), des_(&des) {}

    // MD4 of a || b || ...
    void md4(std::initializer_list<Bytes> parts, std::span<std::uint8_t, 16> out) const;
    // One block with a key of 56 bits: the parity bits are put in here (RFC 2759 §8.6, DesEncrypt).
    void des(std::span<const std::uint8_t, 8> clear, std::span<const std::uint8_t, 7> key,
             std::span<std::uint8_t, 8> cypher) const;

  private:
    const evp_md_st* md4_;
    const evp_cipher_st* des_;
};

}  // namespace warren::crypto
