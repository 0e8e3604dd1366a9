#include "ctl/show/qr.h"

#include <fmt/format.h>
#include <qrencode.h>

#include <cerrno>
#include <memory>

namespace warren::ctl {

namespace {

constexpr std::size_t kQuiet = 4;  // modules around a code, ISO/IEC 18004 §6.3.8

// Outside of the code is the quiet zone.
bool is_dark(const QrCode& code, std::size_t x, std::size_t y) {
    const bool inside = x >= kQuiet && y >= kQuiet && x < kQuiet + code.width && y < kQuiet + code.width;
    return inside && code.at(x - kQuiet, y - kQuiet);
}

}  // namespace

Result<QrCode> qr_of(std::string_view text) {
    const std::unique_ptr<QRcode, void (*)(QRcode*)> made(
        ::QRcode_encodeData(static_cast<int>(text.size()), reinterpret_cast<const unsigned char*>(text.data()), 0,
                            QR_ECLEVEL_L),
        &::QRcode_free);
    if (made == nullptr) {
        if (errno == ERANGE)
            return fail(ErrorCode::kUnsupported,
                        fmt::format("{} bytes are more than a QR code holds; fewer networks in clients.routes make it "
                                    "shorter",
                                    text.size()));
        return fail_errno("QR code", errno);
    }
    QrCode out;
    out.width = static_cast<std::size_t>(made->width);
    for (std::size_t i = 0; i < out.width * out.width; ++i) out.dark.push_back((made->data[i] & 1U) != 0);
    return out;
}

std::string qr_terminal(const QrCode& code) {
    // Colours 16 and 231 of the cube: black and white, which no theme changes.
    constexpr std::string_view kBegin = "\x1b[38;5;16;48;5;231m";
    constexpr std::string_view kEnd = "\x1b[0m\n";
    const std::size_t size = code.width + 2 * kQuiet;
    std::string out;
    for (std::size_t y = 0; y < size; y += 2) {
        out += kBegin;
        for (std::size_t x = 0; x < size; ++x) {
            const bool upper = is_dark(code, x, y);
            const bool lower = is_dark(code, x, y + 1);
            out += upper ? (lower ? "\u2588" : "\u2580") : (lower ? "\u2584" : " ");
        }
        out += kEnd;
    }
    return out;
}

std::string qr_svg(const QrCode& code) {
    const std::size_t size = code.width + 2 * kQuiet;
    std::string out = fmt::format(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" height=\"{0}\" viewBox=\"0 0 {1} {1}\" "
        "shape-rendering=\"crispEdges\">\n<rect width=\"{1}\" height=\"{1}\" fill=\"#fff\"/>\n<path fill=\"#000\" d=\"",
        size * 8, size);
    for (std::size_t y = 0; y < size; ++y) {
        for (std::size_t x = 0; x < size; ++x) {
            std::size_t run = 0;
            while (is_dark(code, x + run, y)) ++run;
            if (run == 0) continue;
            out += fmt::format("M{} {}h{}v1h-{}z", x, y, run, run);
            x += run;
        }
    }
    return out + "\"/>\n</svg>\n";
}

}  // namespace warren::ctl
