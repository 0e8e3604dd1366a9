// Identities of IKE as people write them.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/ipsec.h"

namespace warren::config {

// An address, a name ("hub.example.net"), a mail address, a distinguished name ("C=AT, O=Acme, CN=hub"), or
// "key-id:TEXT" and "key-id:hex:BYTES" for octets that only both ends understand. With `patterns` also "any",
// "*@example.net" and "*.example.net". Nothing when it is none of these.
[[nodiscard]] std::optional<IkeIdentity> parse_identity(std::string_view text, bool patterns);

// What parse_identity() reads back.
using warren::to_string;

// "acme.example": labels of letters, digits, "-" and "_", each of 1 to 63, 253 in all; the last is no number.
[[nodiscard]] bool is_domain(std::string_view text);

// "0a1b" and "0A1B", an even number of digits. Nothing when it is something else.
[[nodiscard]] std::optional<std::string> parse_hex(std::string_view text);

}  // namespace warren::config
