// SipHash-2-4 (J.-P. Aumasson, D. J. Bernstein, 2012), from libsodium: a keyed hash for tables whose keys strangers
// choose. No signature and no MAC: its digests are short.
#pragma once

#include <array>
#include <cstdint>

#include "base/bytes.h"

namespace warren::crypto {

using ShortHashKey = std::array<std::uint8_t, 16>;  // random, and nobody else's

[[nodiscard]] std::uint64_t short_hash(const ShortHashKey& key, Bytes data);
// With 128 bits, for what is compared by its hash alone.
[[nodiscard]] std::array<std::uint8_t, 16> short_hash_128(const ShortHashKey& key, Bytes data);

}  // namespace warren::crypto
