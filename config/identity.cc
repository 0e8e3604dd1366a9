#include "config/identity.h"

#include <algorithm>

#include "base/ip.h"

namespace warren::config {

namespace {

constexpr std::size_t kMostText = 255;

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}
bool is_letter(char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}
bool is_printable(std::string_view text) {
    return std::all_of(text.begin(), text.end(),
                       [](char c) { return static_cast<unsigned char>(c) >= ' ' && c != 0x7f; });
}

int hex_digit(char c) {
    if (is_digit(c)) return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

std::string_view trimmed(std::string_view text) {
    while (text.starts_with(' ')) text.remove_prefix(1);
    while (text.ends_with(' ')) text.remove_suffix(1);
    return text;
}

// The name of an attribute type, or its numbers (RFC 4514 §3).
bool is_attribute_type(std::string_view text) {
    return !text.empty() && (is_letter(text.front()) || is_digit(text.front())) &&
           std::all_of(text.begin(), text.end(),
                       [](char c) { return is_letter(c) || is_digit(c) || c == '-' || c == '.'; });
}

// "C=AT, O=Acme \\, Co, CN=hub": a comma in a value is written with a backslash.
bool is_dn(std::string_view text) {
    if (text.size() > kMostText || !is_printable(text)) return false;
    while (true) {
        std::size_t comma = 0;
        for (; comma < text.size() && text[comma] != ','; ++comma) comma += text[comma] == '\\' ? 1U : 0U;
        const std::string_view part = trimmed(text.substr(0, comma));
        const auto equal = part.find('=');
        if (equal == std::string_view::npos || !is_attribute_type(trimmed(part.substr(0, equal))) ||
            trimmed(part.substr(equal + 1)).empty())
            return false;
        if (comma >= text.size()) return true;
        text.remove_prefix(comma + 1);
    }
}

bool is_local_part(std::string_view text) {
    return !text.empty() && text.size() <= 64 && is_printable(text) &&
           text.find_first_of(" @*\"") == std::string_view::npos;
}

std::optional<IkeIdentity> parse_key_id(std::string_view text) {
    IkeIdentity out{IkeIdentityType::kKeyId, false, std::string(text)};
    if (text.starts_with(kHexPrefix)) {
        auto octets = parse_hex(text.substr(kHexPrefix.size()));
        if (!octets) return std::nullopt;
        out.text = std::move(*octets);
    } else if (!is_printable(text)) {
        return std::nullopt;
    }
    if (out.text.empty() || out.text.size() > kMostText) return std::nullopt;
    return out;
}

}  // namespace

std::optional<IkeIdentity> parse_identity(std::string_view text, bool patterns) {
    if (patterns && text == "any") return IkeIdentity{};
    if (text.starts_with(kKeyIdPrefix)) return parse_key_id(text.substr(kKeyIdPrefix.size()));
    if (const auto address = parse_ip(text)) {
        if (address->is_unspecified()) return std::nullopt;
        return IkeIdentity{IkeIdentityType::kAddress, false, to_string(*address)};
    }
    // Before mail addresses: "E=hub@acme.example, CN=hub".
    if (is_dn(text)) return IkeIdentity{IkeIdentityType::kDn, false, std::string(text)};
    if (const auto at = text.rfind('@'); at != std::string_view::npos) {
        const std::string_view local = text.substr(0, at);
        const bool is_pattern = patterns && local == "*";
        if (!is_domain(text.substr(at + 1)) || (!is_pattern && !is_local_part(local))) return std::nullopt;
        return IkeIdentity{IkeIdentityType::kEmail, is_pattern, std::string(text)};
    }
    const bool is_pattern = patterns && text.starts_with("*.");
    if (!is_domain(is_pattern ? text.substr(2) : text)) return std::nullopt;
    return IkeIdentity{IkeIdentityType::kFqdn, is_pattern, std::string(text)};
}

bool is_domain(std::string_view text) {
    if (text.empty() || text.size() > 253) return false;
    while (true) {
        const auto dot = text.find('.');
        const std::string_view label = text.substr(0, dot);
        const bool is_label = !label.empty() && label.size() <= 63 && label.front() != '-' && label.back() != '-' &&
                              std::all_of(label.begin(), label.end(),
                                          [](char c) { return is_letter(c) || is_digit(c) || c == '-' || c == '_'; });
        if (!is_label) return false;
        if (dot == std::string_view::npos) return !std::all_of(label.begin(), label.end(), is_digit);
        text.remove_prefix(dot + 1);
    }
}

std::optional<std::string> parse_hex(std::string_view text) {
    if (text.size() % 2 != 0) return std::nullopt;
    std::string out;
    out.reserve(text.size() / 2);
    for (std::size_t i = 0; i < text.size(); i += 2) {
        const int high = hex_digit(text[i]);
        const int low = hex_digit(text[i + 1]);
        if (high < 0 || low < 0) return std::nullopt;
        out += static_cast<char>(high * 16 + low);
    }
    return out;
}

}  // namespace warren::config
