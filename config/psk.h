// Preshared keys of IKE as people write them in files.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "crypto/secret_buffer.h"

namespace warren::config {

struct ReadSecret {
    crypto::SecretBuffer secret;
    std::string problem;  // "": none, and `secret` is there; never contains the secret
};

// What a file with a key must have, in characters of text or in bytes of "hex:..." and "base64:...".
struct KeyLength {
    std::size_t characters;
    std::size_t bytes;
};
inline constexpr KeyLength kPskLength{20, 16};
inline constexpr KeyLength kPpkLength{43, 32};  // 256 bits: RFC 8784 §6
inline constexpr KeyLength kPasswordLength{1, 1};
inline constexpr std::size_t kMaxPsk = 256;  // bytes

// One line, which a line's end may follow: text as it is, "hex:..." or "base64:..." (RFC 4648 §4, padded). The caller
// wipes `text`.
[[nodiscard]] ReadSecret parse_psk(std::string_view text, KeyLength least);

// Why it is no file of users (base/eap_users.h), with the number of the line; "": it is one. Never contains a password.
[[nodiscard]] std::string users_problem(std::string_view text);

}  // namespace warren::config
