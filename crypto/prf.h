// The pseudorandom functions of IKEv2, which are HMACs, and prf+ (RFC 7296 §2.13).
#pragma once

#include <initializer_list>

#include "base/bytes.h"
#include "crypto/secret_bytes.h"
#include "crypto/sha.h"

namespace warren::crypto {

// What a PRF yields, and its preferred key.
using PrfKey = SecretBytes<kMostDigest>;

// PRF_HMAC_SHA1, PRF_HMAC_SHA2_256 and so on, of a || b || ...
[[nodiscard]] PrfKey prf(Sha sha, Bytes key, std::initializer_list<Bytes> parts);

// Fills `out` from prf+(key, a || b || ...). out.size() <= 255 * digest_size(sha).
void prf_plus(Sha sha, Bytes key, std::initializer_list<Bytes> seed, MutableBytes out);

}  // namespace warren::crypto
