// Bytes in the hexadecimal form of standards.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"

namespace warren::test {

// Two digits per byte, either case; spaces and line breaks are skipped. Aborts on anything else: vectors are our own
// text.
[[nodiscard]] std::vector<std::uint8_t> from_hex(std::string_view text);
[[nodiscard]] std::string to_hex(Bytes bytes);

template <std::size_t N>
[[nodiscard]] std::array<std::uint8_t, N> array_from_hex(std::string_view text) {
    const std::vector<std::uint8_t> bytes = from_hex(text);
    std::array<std::uint8_t, N> out{};
    for (std::size_t i = 0; i < N; ++i) out[i] = bytes.at(i);
    return out;
}

}  // namespace warren::test
