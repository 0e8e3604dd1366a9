// Who a peer says it is, and whom a connection expects (RFC 7296 §3.5).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "vpnd/ike/numbers.h"

namespace warren::ike {

inline constexpr std::size_t kMostIdentity = 1024;  // bytes that we look at; a longer one is nobody's

struct Identity {
    IdType type = IdType::kFqdn;
    std::vector<std::uint8_t> value;  // as in the ID payload

    // FQDN without case (RFC 4343), all others byte by byte.
    bool operator==(const Identity& other) const;
    [[nodiscard]] bool empty() const { return value.empty(); }
};

[[nodiscard]] Identity identity_of(IdType type, Bytes value);
// Equal identities have equal keys, for tables.
[[nodiscard]] std::string key_of(const Identity& identity);
// As parse_identity() reads it; of a type that has no text form, its number and hexadecimal digits. Printable ASCII.
[[nodiscard]] std::string to_string(const Identity& identity);
// "203.0.113.2", "2001:db8::1", "graz@acme.example", "keyid:branch 7", "keyid:hex:0a1b", else a FQDN. kInvalid: none of
// these.
[[nodiscard]] Result<Identity> parse_identity(std::string_view text);

// How well an identity fits; the better the greater.
enum class Match : std::uint8_t { kNone, kAny, kPattern, kExact };

// Whom a connection expects.
struct ExpectedIdentity {
    enum class Kind : std::uint8_t { kExact, kPattern, kAny };
    Kind kind = Kind::kExact;
    Identity identity;  // kPattern: its type, and how it ends ("@acme.example", ".acme.example")
    bool operator==(const ExpectedIdentity&) const = default;

    [[nodiscard]] Match match(const Identity& candidate) const;
};
// As parse_identity(), and "*@acme.example", "*.acme.example", "any".
[[nodiscard]] Result<ExpectedIdentity> parse_expected_identity(std::string_view text);
[[nodiscard]] std::string to_string(const ExpectedIdentity& expected);

}  // namespace warren::ike
