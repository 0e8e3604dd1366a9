#include "tests/vectors/hex.h"

#include "base/check.h"

namespace warren::test {

namespace {

unsigned digit(char c) {
    if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
    if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a') + 10;
    WARREN_CHECK(c >= 'A' && c <= 'F');
    return static_cast<unsigned>(c - 'A') + 10;
}

}  // namespace

std::vector<std::uint8_t> from_hex(std::string_view text) {
    std::vector<std::uint8_t> out;
    bool high = true;
    for (const char c : text) {
        if (c == ' ' || c == '\n') continue;
        if (high) {
            out.push_back(static_cast<std::uint8_t>(digit(c) << 4));
        } else {
            out.back() = static_cast<std::uint8_t>(out.back() | digit(c));
        }
        high = !high;
    }
    WARREN_CHECK(high);
    return out;
}

std::string to_hex(Bytes bytes) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    std::string out;
    for (const std::uint8_t octet : bytes) {
        out += kDigits[octet >> 4];
        out += kDigits[octet & 15];
    }
    return out;
}

}  // namespace warren::test
