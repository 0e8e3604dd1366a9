#include "crypto/prf.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "base/check.h"
#include "crypto/hmac_sha.h"

namespace warren::crypto {

namespace {

// a || b || ...; the seeds of IKE are nonces, SPIs and at most one shared secret.
constexpr std::size_t kMostSeedParts = 6;
constexpr std::string_view kKeyPad = "Key Pad for IKEv2";  // RFC 7296 §2.15

}  // namespace

PrfKey prf(Sha sha, Bytes key, std::initializer_list<Bytes> parts) {
    PrfKey out(digest_size(sha));
    hmac(sha, key, parts, out.writable());
    return out;
}

// T1 = prf(K, S | 0x01), Tn = prf(K, Tn-1 | S | n)
void prf_plus(Sha sha, Bytes key, std::initializer_list<Bytes> seed, MutableBytes out) {
    WARREN_CHECK(out.size() <= 255 * digest_size(sha) && seed.size() <= kMostSeedParts);
    std::array<Bytes, kMostSeedParts> parts;
    std::copy(seed.begin(), seed.end(), parts.begin());
    HmacSha keyed(sha, key);
    PrfKey block;
    for (std::uint8_t number = 1; !out.empty(); ++number) {
        PrfKey next(digest_size(sha));
        keyed.compute({block.reveal(), parts[0], parts[1], parts[2], parts[3], parts[4], parts[5], {&number, 1}},
                      next.writable());
        block = std::move(next);
        const std::size_t size = std::min(out.size(), block.size());
        std::copy_n(block.reveal().begin(), size, out.begin());
        out = out.subspan(size);
    }
}

PrfKey shared_key_mic(Sha sha, Bytes key, Bytes octets) {
    return prf(sha, prf(sha, key, {as_bytes(kKeyPad)}).reveal(), {octets});
}

}  // namespace warren::crypto
