// SHA-1 and SHA-2 (FIPS 180-4), from OpenSSL.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>

#include "base/bytes.h"

namespace warren::crypto {

// SHA-1 is for NAT detection, which needs no strength (RFC 7296 §2.23), and for peers that have nothing better.
enum class Sha : std::uint8_t { kSha1, kSha256, kSha384, kSha512 };

inline constexpr std::size_t kMostDigest = 64;
[[nodiscard]] constexpr std::size_t digest_size(Sha sha) {
    constexpr std::array<std::size_t, 4> sizes = {20, 32, 48, 64};
    return sizes[static_cast<std::size_t>(sha)];
}

// The digest of a || b || ...; out.size() == digest_size(sha).
void digest(Sha sha, std::initializer_list<Bytes> parts, MutableBytes out);

}  // namespace warren::crypto
