// Removes secrets from texts that leave the appliance. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace warren::ctl {

// Replaces a secret.
inline constexpr std::string_view kRedacted = "(removed)";

// The pieces to look for in the text of a file below secrets/: each line that is long enough to be more than a word.
[[nodiscard]] std::vector<std::string> secret_pieces(std::string_view file);

// Without each of `secrets`, without argon2 strings, and without anything of a session's or program token's length (32
// bytes in base64url). Keys of 44 characters are found by `secrets` only: public keys look the same.
[[nodiscard]] std::string redact(std::string_view text, const std::vector<std::string>& secrets);

// A file of the configuration: like redact(), and without anything that looks like a key and is not marked as public,
// even in comments.
[[nodiscard]] std::string redact_config(std::string_view text, const std::vector<std::string>& secrets);

}  // namespace warren::ctl
