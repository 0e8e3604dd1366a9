#include "config/psk.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/eap_users.h"
#include "config/identity.h"

namespace warren::config {

namespace {

constexpr std::string_view kHex = "hex:";
constexpr std::string_view kBase64 = "base64:";

bool is_printable(std::string_view text) {
    return std::all_of(text.begin(), text.end(),
                       [](char c) { return static_cast<unsigned char>(c) >= ' ' && c != 0x7f; });
}

int base64_digit(char c) {
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    if (c == '+') return 62;
    if (c == '/') return 63;
    return -1;
}

// Canonical and padded. False: it is none.
bool decode_base64(std::string_view text, crypto::SecretBuffer& out) {
    if (text.empty() || text.size() % 4 != 0) return false;
    const std::size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
    out = crypto::SecretBuffer(text.size() / 4 * 3 - padding);
    const MutableBytes to = out.writable();
    std::uint32_t bits = 0;
    for (std::size_t i = 0; i < text.size() - padding; ++i) {
        const int digit = base64_digit(text[i]);
        if (digit < 0) return false;
        bits = (bits << 6) | static_cast<std::uint32_t>(digit);
        const std::size_t byte = i * 6 / 8;
        if (i % 4 != 0) to[byte] = static_cast<std::uint8_t>(bits >> (6 - 2 * (i % 4)));
    }
    const std::uint32_t left_over = padding == 2 ? bits & 0xf : padding == 1 ? bits & 3 : 0;
    return left_over == 0;
}

std::string too_short(std::size_t count, std::string_view unit, std::size_t least) {
    return fmt::format(
        "holds a key of {} {}{}; accepted: at least {} (an attacker that plays the hub once can guess a "
        "short key off-line)",
        count, unit, count == 1 ? "" : "s", least);
}

std::size_t characters_of(std::string_view text) {
    return static_cast<std::size_t>(
        std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

std::string_view without_line_end(std::string_view text) {
    if (text.ends_with('\n')) text.remove_suffix(1);
    if (text.ends_with('\r')) text.remove_suffix(1);
    return text;
}

}  // namespace

ReadSecret parse_psk(std::string_view text, KeyLength least) {
    text = without_line_end(text);
    ReadSecret out;
    const bool is_hex = text.starts_with(kHex);
    const bool is_base64 = text.starts_with(kBase64);
    if (text.empty()) {
        out.problem = "is empty; accepted: a key as one line of text, or as hex:... or base64:...";
    } else if (is_hex) {
        auto bytes = parse_hex(text.substr(kHex.size()));
        if (!bytes) {
            out.problem = "holds no hexadecimal key behind hex:, an even number of digits";
        } else {
            out.secret = crypto::SecretBuffer(as_bytes(*bytes));
            crypto::wipe({reinterpret_cast<std::uint8_t*>(bytes->data()), bytes->size()});
        }
    } else if (is_base64) {
        if (!decode_base64(text.substr(kBase64.size()), out.secret))
            out.problem = "holds no key in base64 behind base64:, padded with \"=\"";
    } else if (!is_printable(text)) {
        out.problem = "has more than one line, or control characters; accepted: a key as one line of text";
    } else {
        out.secret = crypto::SecretBuffer(as_bytes(text));
    }
    if (!out.problem.empty()) return out;
    if (out.secret.size() > kMaxPsk) {
        out.problem = fmt::format("holds a key of {} bytes; accepted: up to {}", out.secret.size(), kMaxPsk);
    } else if (is_hex || is_base64) {
        if (out.secret.size() < least.bytes) out.problem = too_short(out.secret.size(), "byte", least.bytes);
    } else if (const std::size_t count = characters_of(text); count < least.characters) {
        out.problem = too_short(count, "character", least.characters);
    }
    return out;
}

std::string users_problem(std::string_view text) {
    return eap::read_users(text, [](const eap::UserLine&) {});
}

}  // namespace warren::config
