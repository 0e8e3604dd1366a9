// QR codes (ISO/IEC 18004), made by libqrencode. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace warren::ctl {

// A square of modules. As secret as the text in it.
struct QrCode {
    std::size_t width = 0;
    std::vector<bool> dark;  // row by row

    [[nodiscard]] bool at(std::size_t x, std::size_t y) const { return dark[y * width + x]; }
};

// Of bytes, at the lowest error correction. kUnsupported: the text is longer than a code holds (2953 bytes).
[[nodiscard]] Result<QrCode> qr_of(std::string_view text);
// For a terminal: black on white whatever its colours are, two modules in a character.
[[nodiscard]] std::string qr_terminal(const QrCode& code);
[[nodiscard]] std::string qr_svg(const QrCode& code);

}  // namespace warren::ctl
