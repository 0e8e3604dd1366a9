// Poly1305 as the AEAD of RFC 8439 §2.8 uses it; used inside crypto/ only.
#pragma once

#include <array>
#include <cstdint>

#include "base/bytes.h"

namespace warren::crypto {

// The tag of `associated` and `ciphertext`, each padded to blocks of 16, and their lengths. `key`: the one-time key, 32
// bytes. Constant time for given lengths.
[[nodiscard]] std::array<std::uint8_t, 16> poly1305_of_aead(const std::uint8_t* key, Bytes associated,
                                                            Bytes ciphertext);

}  // namespace warren::crypto
