// A short hash of some bytes, to compare things. Not for security. PURE.
#pragma once

#include <cstdint>
#include <string>

#include "base/bytes.h"

namespace warren {

// 16 hexadecimal digits: FNV-1a, 64 bit (draft-eastlake-fnv §2).
[[nodiscard]] inline std::string fingerprint(Bytes bytes) {
    std::uint64_t hash = 0xcbf29ce484222325;
    for (const std::uint8_t byte : bytes) hash = (hash ^ byte) * 0x100000001b3;
    std::string text(16, '0');
    for (std::size_t i = 0; i < 16; ++i) text[15 - i] = "0123456789abcdef"[(hash >> (4 * i)) & 0xf];
    return text;
}

}  // namespace warren
