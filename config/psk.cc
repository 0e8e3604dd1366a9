#include "config/psk.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "config/identity.h"

namespace warren::config {

namespace {

constexpr std::string_view kHex = "hex:";
constexpr std::string_view kBase64 = "base64:";
constexpr std::string_view kNtHash = "nt:";
constexpr std::size_t kMaxUser = 128;
constexpr std::size_t kMaxPassword = 256;  // UTF-16 code units that MS-CHAPv2 takes (RFC 2759 §4)

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

std::string_view trimmed(std::string_view text) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
    return text;
}

// Why a line is no user, or ""; `name` is the user's.
std::string line_problem(std::string_view line, std::string_view& name) {
    constexpr std::string_view kForm = "is not of the form NAME = \"PASSWORD\"";
    const auto equal = line.find('=');
    if (equal == std::string_view::npos) return std::string(kForm);
    name = trimmed(line.substr(0, equal));
    std::string_view value = trimmed(line.substr(equal + 1));
    if (name.empty() || name.size() > kMaxUser || !is_printable(name) ||
        name.find_first_of("\" \\") != std::string_view::npos)
        return fmt::format("has no name of 1 to {} characters without blanks, quotes and backslashes", kMaxUser);
    if (value.size() < 2 || value.front() != '"' || value.back() != '"') return std::string(kForm);
    value = value.substr(1, value.size() - 2);
    if (!value.starts_with(kNtHash)) {
        const bool fits = !value.empty() && value.size() <= kMaxPassword && is_printable(value);
        return fits ? "" : fmt::format("has no password of 1 to {} characters", kMaxPassword);
    }
    auto hash = parse_hex(value.substr(kNtHash.size()));
    const bool fits = hash && hash->size() == 16;
    if (hash) crypto::wipe({reinterpret_cast<std::uint8_t*>(hash->data()), hash->size()});
    return fits ? "" : "has an NT hash that is not 32 hexadecimal digits";
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
    std::set<std::string_view> seen;
    for (std::size_t number = 1; !text.empty(); ++number) {
        const auto end = std::min(text.find('\n'), text.size());
        const std::string_view line = trimmed(without_line_end(text.substr(0, end)));
        text.remove_prefix(std::min(end + 1, text.size()));
        if (line.empty() || line.front() == '#') continue;
        std::string_view name;
        if (const std::string problem = line_problem(line, name); !problem.empty())
            return fmt::format("line {} {}", number, problem);
        if (!seen.insert(name).second) return fmt::format("line {} has a user that is there already", number);
    }
    return seen.empty() ? "has no users; accepted: lines of the form NAME = \"PASSWORD\"" : "";
}

}  // namespace warren::config
