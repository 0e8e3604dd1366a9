// What the backends of PacketAead share; used inside crypto/ only.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>

#include "base/bytes.h"
#include "base/result.h"
#include "crypto/aead.h"
#include "crypto/chacha_lanes.h"

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

// Packets of up to this many bytes of text are for the lanes. Measured on an EPYC 9005 against intel-ipsec-mb, for 44
// packets: 64 bytes cost 0.30, 92 bytes 0.45, 256 bytes 0.65, 512 bytes 1.15 of it.
inline constexpr std::uint32_t kAeadLanesMostText = 256;
// A backend in which two or more small packets of ChaCha20-Poly1305 in a batch, of any keys, are done side by side by
// our own code, and all others by `rest`. kUnsupported when `lanes` is null.
[[nodiscard]] Result<std::unique_ptr<PacketAead>> add_lanes(ChachaLanes lanes, std::unique_ptr<PacketAead> rest);
// Whether the backend with `lanes` passes self_test and seals small packets faster than without.
[[nodiscard]] bool do_lanes_gain(ChachaLanes lanes, AeadBackend backend, std::int64_t (*monotonic_nanoseconds)());

// What self_test() asks of one of AES-CBC's suites.
[[nodiscard]] Status self_test_cbc(PacketAead& aead, AeadSuite suite);

struct AeadCandidate {
    AeadBackend backend;
    Result<std::unique_ptr<PacketAead>> aead;
};
// What choose_backend does, over these: those that exist and pass self_test are timed, the fastest is the choice.
[[nodiscard]] Result<AeadChoice> choose_among(std::span<const AeadCandidate> candidates,
                                              std::int64_t (*monotonic_nanoseconds)());

}  // namespace warren::crypto
