// Sixteen blocks of ChaCha20's key stream side by side, each of its own key and nonce; used inside crypto/ only.
#pragma once

#include <cstdint>
#include <span>

namespace warren::crypto {

inline constexpr std::size_t kChachaBlockSize = 64;
inline constexpr std::size_t kChachaLanes = 16;

// What one block is computed of (RFC 8439 §2.3). The nonce: `salt`, then `iv`, each in the order of its memory.
struct ChachaBlock {
    const std::uint8_t* key = nullptr;  // 32 bytes
    std::uint32_t counter = 0;
    std::uint32_t salt = 0;
    std::uint64_t iv = 0;
};

// Writes block i to out + i * kChachaBlockSize. Constant time. Keeps no copy of a key in memory of its own.
using ChachaLanes = void (*)(std::span<const ChachaBlock, kChachaLanes> blocks, std::uint8_t* out);

// Null when this CPU or its operating system lacks AVX-512F.
[[nodiscard]] ChachaLanes chacha_lanes();

}  // namespace warren::crypto
