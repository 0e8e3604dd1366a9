// What must not leave the appliance, taken out of texts. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace warren::ctl {

// What a secret's place is filled with.
inline constexpr std::string_view kRedacted = "(removed)";

// The pieces to look for in the text of a file below secrets/: each line that is long enough to be more than a word.
[[nodiscard]] std::vector<std::string> secret_pieces(std::string_view file);

// Without each of `secrets`, without argon2 strings, and without what has the length of a session's or program's token
// (32 bytes in base64url). Keys of 44 characters are found by `secrets` only: public keys look the same.
[[nodiscard]] std::string redact(std::string_view text, const std::vector<std::string>& secrets);

// A file of the configuration: beside redact(), whatever looks like a key and is not said to be public, comments not
// excepted.
[[nodiscard]] std::string redact_config(std::string_view text, const std::vector<std::string>& secrets);

}  // namespace warren::ctl
