// What the backends of PacketAead share; used inside crypto/ only.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>

#include "base/bytes.h"
#include "base/result.h"
#include "crypto/aead.h"

namespace warren::crypto {

using AeadNonce = std::array<std::uint8_t, 12>;

// 32 zero bits, then the counter, little-endian (WireGuard whitepaper §5.4).
[[nodiscard]] inline AeadNonce nonce_of(std::uint64_t counter) {
    AeadNonce nonce{};
    store_le(nonce.data() + 4, counter);
    return nonce;
}

// The key's salt, then the IV, little-endian.
[[nodiscard]] inline AeadNonce nonce_of(const AeadKey& key, std::uint64_t iv) {
    AeadNonce nonce;
    std::copy(key.salt.begin(), key.salt.end(), nonce.begin());
    store_le(nonce.data() + 4, iv);
    return nonce;
}

// One factory per backend. kUnsupported when this machine or build lacks it.
[[nodiscard]] Result<std::unique_ptr<PacketAead>> make_ipsec_mb_aead();
[[nodiscard]] Result<std::unique_ptr<PacketAead>> make_openssl_aead();
[[nodiscard]] Result<std::unique_ptr<PacketAead>> make_sodium_aead();

struct AeadCandidate {
    AeadBackend backend;
    Result<std::unique_ptr<PacketAead>> aead;
};
// What choose_backend does, over these: those that exist and pass self_test are timed, the fastest is the choice.
[[nodiscard]] Result<AeadChoice> choose_among(std::span<const AeadCandidate> candidates,
                                              std::int64_t (*monotonic_nanoseconds)());

}  // namespace warren::crypto
