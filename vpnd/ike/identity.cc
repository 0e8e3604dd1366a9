#include "vpnd/ike/identity.h"

#include <algorithm>

#include "base/ip.h"

namespace warren::ike {

namespace {

constexpr std::string_view kKeyIdPrefix = "keyid:";
constexpr std::string_view kHexPrefix = "hex:";
constexpr std::string_view kHexDigits = "0123456789abcdef";

std::uint8_t lower(std::uint8_t letter) {
    return letter >= 'A' && letter <= 'Z' ? static_cast<std::uint8_t>(letter - 'A' + 'a') : letter;
}

bool has_case(IdType type) {
    return type != IdType::kFqdn;
}

bool equal(IdType type, Bytes a, Bytes b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [&](std::uint8_t x, std::uint8_t y) { return has_case(type) ? x == y : lower(x) == lower(y); });
}

bool is_printable(Bytes bytes) {
    return std::all_of(bytes.begin(), bytes.end(), [](std::uint8_t one) { return one >= 0x20 && one < 0x7f; });
}

std::string hex_of(Bytes bytes) {
    std::string out;
    for (const std::uint8_t one : bytes) {
        out += kHexDigits[one >> 4U];
        out += kHexDigits[one & 0xfU];
    }
    return out;
}

std::vector<std::uint8_t> bytes_of(std::string_view text) {
    const Bytes bytes = as_bytes(text);
    return {bytes.begin(), bytes.end()};
}

Result<std::vector<std::uint8_t>> parse_hex(std::string_view text) {
    std::vector<std::uint8_t> out;
    for (std::size_t at = 0; at + 1 < text.size(); at += 2) {
        const std::size_t high = kHexDigits.find(static_cast<char>(lower(static_cast<std::uint8_t>(text[at]))));
        const std::size_t low = kHexDigits.find(static_cast<char>(lower(static_cast<std::uint8_t>(text[at + 1]))));
        if (high == std::string_view::npos || low == std::string_view::npos) break;
        out.push_back(static_cast<std::uint8_t>(high << 4U | low));
    }
    if (text.empty() || 2 * out.size() != text.size())
        return fail(ErrorCode::kInvalid, "\"keyid:hex:\" takes pairs of hexadecimal digits");
    return out;
}

bool is_name(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char one) {
        const auto letter = lower(static_cast<std::uint8_t>(one));
        return (letter >= 'a' && letter <= 'z') || (letter >= '0' && letter <= '9') || one == '.' || one == '-' ||
               one == '_';
    });
}

// What stands before the first "@" may be anything printable but blanks.
bool is_mail_address(std::string_view text) {
    const std::size_t at = text.rfind('@');
    if (at == 0 || at == std::string_view::npos || at + 1 == text.size()) return false;
    const std::string_view local = text.substr(0, at);
    return is_printable(as_bytes(local)) && local.find(' ') == std::string_view::npos && is_name(text.substr(at + 1));
}

}  // namespace

bool Identity::operator==(const Identity& other) const {
    return type == other.type && equal(type, value, other.value);
}

Identity identity_of(IdType type, Bytes value) {
    return {type, {value.begin(), value.end()}};
}

std::string key_of(const Identity& identity) {
    std::string out;
    out.reserve(1 + identity.value.size());
    out += static_cast<char>(identity.type);
    for (const std::uint8_t one : identity.value) out += static_cast<char>(has_case(identity.type) ? one : lower(one));
    return out;
}

std::string to_string(const Identity& identity) {
    const Bytes value = identity.value;
    const bool is_text = is_printable(value) && value.size() <= kMostIdentity;
    const std::string text = is_text ? std::string(value.begin(), value.end()) : std::string();
    switch (identity.type) {
        case IdType::kIpv4Addr:
            if (value.size() == 4) return to_string(IpAddress::from_bytes(value));
            break;
        case IdType::kIpv6Addr:
            if (value.size() == 16) return to_string(IpAddress::from_bytes(value));
            break;
        case IdType::kFqdn:
        case IdType::kRfc822Addr:
            if (is_text) return text;
            break;
        case IdType::kKeyId:
            return std::string(kKeyIdPrefix) +
                   (is_text && !text.starts_with(kHexPrefix)
                        ? text
                        : std::string(kHexPrefix) + hex_of(value.first(std::min(value.size(), kMostIdentity))));
        default: break;
    }
    return "type " + std::to_string(static_cast<unsigned>(identity.type)) + ":" +
           hex_of(value.first(std::min(value.size(), kMostIdentity)));
}

Result<Identity> parse_identity(std::string_view text) {
    if (text.empty()) return fail(ErrorCode::kInvalid, "an identity is empty");
    if (text.size() > kMostIdentity) return fail(ErrorCode::kInvalid, "an identity is longer than 1024 characters");
    if (text.starts_with(kKeyIdPrefix)) {
        const std::string_view key = text.substr(kKeyIdPrefix.size());
        if (!key.starts_with(kHexPrefix)) {
            if (key.empty()) return fail(ErrorCode::kInvalid, "\"keyid:\" has nothing behind it");
            return Identity{IdType::kKeyId, bytes_of(key)};
        }
        auto bytes = parse_hex(key.substr(kHexPrefix.size()));
        if (!bytes) return tl::unexpected<Error>(bytes.error());
        return Identity{IdType::kKeyId, std::move(*bytes)};
    }
    if (const auto address = parse_ip(text))
        return identity_of(address->is_v4() ? IdType::kIpv4Addr : IdType::kIpv6Addr, address->bytes());
    if (is_mail_address(text)) return Identity{IdType::kRfc822Addr, bytes_of(text)};
    if (is_name(text)) return Identity{IdType::kFqdn, bytes_of(text)};
    return fail(
        ErrorCode::kInvalid,
        "\"" + std::string(text) + "\" is no identity: write an address, a name, a mail address or \"keyid:...\"");
}

Match ExpectedIdentity::match(const Identity& candidate) const {
    switch (kind) {
        case Kind::kAny: return Match::kAny;
        case Kind::kExact: return candidate == identity ? Match::kExact : Match::kNone;
        case Kind::kPattern: break;
    }
    const Bytes whole = candidate.value;
    const std::size_t size = identity.value.size();
    const bool fits = candidate.type == identity.type && whole.size() > size &&
                      equal(identity.type, whole.last(size), identity.value);
    return fits ? Match::kPattern : Match::kNone;
}

Result<ExpectedIdentity> parse_expected_identity(std::string_view text) {
    using Kind = ExpectedIdentity::Kind;
    if (text == "any") return ExpectedIdentity{Kind::kAny, {}};
    if (text.starts_with("*@") && text.size() > 2 && is_name(text.substr(2)))
        return ExpectedIdentity{Kind::kPattern, {IdType::kRfc822Addr, bytes_of(text.substr(1))}};
    if (text.starts_with("*.") && text.size() > 2 && is_name(text.substr(2)))
        return ExpectedIdentity{Kind::kPattern, {IdType::kFqdn, bytes_of(text.substr(1))}};
    auto identity = parse_identity(text);
    if (!identity) return tl::unexpected<Error>(identity.error());
    return ExpectedIdentity{Kind::kExact, std::move(*identity)};
}

std::string to_string(const ExpectedIdentity& expected) {
    switch (expected.kind) {
        case ExpectedIdentity::Kind::kAny: return "any";
        case ExpectedIdentity::Kind::kPattern: return "*" + to_string(expected.identity);
        case ExpectedIdentity::Kind::kExact: break;
    }
    return to_string(expected.identity);
}

}  // namespace warren::ike
