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

// What proves a shared key: prf(prf(key, "Key Pad for IKEv2"), octets); key: the PSK, EAP's MSK, or SK_p where EAP has
// none (RFC 7296 §2.15, §2.16). Compare with equal_constant_time().
[[nodiscard]] PrfKey shared_key_mic(Sha sha, Bytes key, Bytes octets);

}  // namespace warren::crypto
