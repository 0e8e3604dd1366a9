#include "base/eap.h"

#include <algorithm>

#include "base/check.h"
#include "base/printable.h"

namespace warren::eap {

namespace {

constexpr std::size_t kHeader = 4;

char lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

}  // namespace

std::optional<Message> read_message(Bytes bytes) {
    ByteReader reader(bytes);
    Message out;
    const std::uint8_t code = reader.u8();
    out.identifier = reader.u8();
    const std::size_t length = reader.be<std::uint16_t>();
    if (!reader.ok() || length < kHeader || length > bytes.size() || code < 1 || code > 4) return std::nullopt;
    out.code = static_cast<Code>(code);
    const bool has_type = out.code == Code::kRequest || out.code == Code::kResponse;
    if (!has_type) return length == kHeader ? std::optional(out) : std::nullopt;
    if (length == kHeader) return std::nullopt;
    out.type = static_cast<Type>(bytes[kHeader]);
    out.data = bytes.subspan(kHeader + 1, length - kHeader - 1);
    return out;
}

std::vector<std::uint8_t> write_message(const Message& message) {
    const bool has_type = message.code == Code::kRequest || message.code == Code::kResponse;
    const std::size_t size = kHeader + (has_type ? 1 + message.data.size() : 0);
    WARREN_CHECK(size <= UINT16_MAX);
    std::vector<std::uint8_t> out(size);
    ByteWriter writer(out);
    writer.u8(static_cast<std::uint8_t>(message.code));
    writer.u8(message.identifier);
    writer.be(static_cast<std::uint16_t>(size));
    if (!has_type) return out;
    writer.u8(static_cast<std::uint8_t>(message.type));
    writer.bytes(message.data);
    return out;
}

std::optional<std::string_view> name_in(Bytes identity) {
    if (identity.empty() || identity.size() > kMostIdentity) return std::nullopt;
    const std::string_view name(reinterpret_cast<const char*>(identity.data()), identity.size());
    return is_printable(name) ? std::optional(name) : std::nullopt;
}

UserName split_name(std::string_view name) {
    const auto domain = name.find('\\');
    if (domain != std::string_view::npos) return {name.substr(domain + 1), name.substr(0, domain)};
    const auto at = name.rfind('@');
    if (at != std::string_view::npos) return {name.substr(0, at), name.substr(at + 1)};
    return {name, {}};
}

bool is_same_realm(std::string_view a, std::string_view b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) { return lower(x) == lower(y); });
}

}  // namespace warren::eap
