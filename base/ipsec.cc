#include "base/ipsec.h"

#include <fmt/format.h>

#include <algorithm>

namespace warren {

std::string to_string(const IkeIdentity& identity) {
    if (identity.type == IkeIdentityType::kAny) return "any";
    if (identity.type != IkeIdentityType::kKeyId) return identity.text;
    const bool is_printable = std::all_of(identity.text.begin(), identity.text.end(),
                                          [](char c) { return static_cast<unsigned char>(c) >= ' ' && c != 0x7f; });
    if (is_printable && !identity.text.starts_with(kHexPrefix)) return std::string(kKeyIdPrefix) + identity.text;
    std::string out = fmt::format("{}{}", kKeyIdPrefix, kHexPrefix);
    for (const char c : identity.text) out += fmt::format("{:02x}", static_cast<unsigned char>(c));
    return out;
}

}  // namespace warren
