// Bytes that only who knows a passphrase can read or change: argon2id (RFC 9106) and libsodium's secretstream
// (XChaCha20-Poly1305), which also notices a missing end.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "crypto/random.h"
#include "crypto/secret_buffer.h"

namespace warren::crypto {

// What guessing a passphrase costs. Both are in the box, so that an older one can be opened.
struct PassphraseCost {
    std::uint32_t passes = 3;
    std::uint32_t mebibytes = 128;
};

// kUnavailable: too little memory.
[[nodiscard]] Result<std::vector<std::uint8_t>> seal_with_passphrase(Bytes plain, std::string_view passphrase,
                                                                     RandomSource& random,
                                                                     const PassphraseCost& cost = {});
// kInvalid: no box; kPermission: another passphrase, or changed, or cut. kUnavailable: too little memory.
[[nodiscard]] Result<SecretBuffer> open_with_passphrase(Bytes box, std::string_view passphrase);

}  // namespace warren::crypto
