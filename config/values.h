// Checks single values: does this node hold what its key accepts? Each check is a pure function of the value.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/ip.h"
#include "config/document.h"
#include "config/schema.h"

namespace warren::config {

// Appends an error for each problem of the value of `key` (for each element of a list separately, up to a bound).
void check_value(const Key& key, const Node& value, const Source& source, std::vector<Diagnostic>& out);

// What kIdentifier accepts.
[[nodiscard]] bool is_identifier(std::string_view text);
// Why an interface cannot have this address ("is the network itself, not a host in it; ..."); nothing when it can.
[[nodiscard]] std::optional<std::string> host_address_problem(const Prefix& address);
// Why this cannot be a destination of routes or a peer's allowed prefix; nothing when it can.
[[nodiscard]] std::optional<std::string> network_problem(const Prefix& network);
[[nodiscard]] std::optional<std::string> endpoint_problem(std::string_view text);
[[nodiscard]] std::optional<std::string> public_key_problem(std::string_view text);

// Replaces a value by asterisks in the line that a diagnostic shows: it may be a secret.
void mask_value(const Node& value, Diagnostic& in);

// What was found, short and printable, possible keys masked: "\"1.2.3\"", "99", "an array".
[[nodiscard]] std::string found(const Node& value);
[[nodiscard]] std::string found_text(std::string_view written);

}  // namespace warren::config
