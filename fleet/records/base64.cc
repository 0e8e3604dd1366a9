#include "fleet/records/base64.h"

#include <algorithm>
#include <cstdint>

namespace warren::fleet {

namespace {

constexpr std::string_view kLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

}  // namespace

std::string to_base64(std::string_view bytes) {
    std::string out;
    out.reserve((bytes.size() + 2) / 3 * 4);
    for (std::size_t at = 0; at < bytes.size(); at += 3) {
        const std::size_t count = std::min<std::size_t>(3, bytes.size() - at);
        std::uint32_t group = 0;
        for (std::size_t i = 0; i < 3; ++i)
            group = group << 8U | (i < count ? static_cast<std::uint8_t>(bytes[at + i]) : 0U);
        for (std::size_t i = 0; i < 4; ++i) out += i <= count ? kLetters[group >> (18 - 6 * i) & 63U] : '=';
    }
    return out;
}

std::optional<std::string> from_base64(std::string_view text) {
    if (text.size() % 4 != 0) return std::nullopt;
    std::size_t padding = 0;
    while (padding < 2 && padding < text.size() && text[text.size() - 1 - padding] == '=') ++padding;
    std::string out;
    std::uint32_t group = 0;
    for (std::size_t at = 0; at < text.size(); ++at) {
        const bool is_padding = at >= text.size() - padding;
        const std::size_t letter = is_padding ? 0 : kLetters.find(text[at]);
        if (letter == std::string_view::npos) return std::nullopt;
        group = group << 6U | static_cast<std::uint32_t>(letter);
        if (at % 4 != 3) continue;
        for (unsigned shift : {16U, 8U, 0U}) out += static_cast<char>(group >> shift & 0xffU);
        group = 0;
    }
    out.resize(out.size() - padding);
    return out;
}

}  // namespace warren::fleet
