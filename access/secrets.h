// Passwords, tokens, fingerprints: libsodium, wrapped.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace warren::access {

// Makes libsodium ready. Once, before threads start.
[[nodiscard]] Status start_libsodium();

// An argon2id string: 64 MB and some 100 ms. kUnavailable: no memory.
[[nodiscard]] Result<std::string> hash_password(std::string_view password);
// As expensive as hash_password, for any string. Any thread.
[[nodiscard]] bool verify_password(const std::string& argon2id, std::string_view password);
// A hash that no password matches and that takes as long to check: for users that do not exist.
[[nodiscard]] Result<std::string> unmatchable_password();

// 32 random bytes, base64url without padding: a session or a token.
[[nodiscard]] std::string random_token();
// Lower-case hexadecimal.
[[nodiscard]] std::string sha256_hex(std::string_view text);
// HMAC-SHA-256 of `text`, lower-case hexadecimal. `key`: any length.
[[nodiscard]] std::string hmac_hex(std::string_view key, std::string_view text);
// Takes the same time wherever they differ.
[[nodiscard]] bool equal_secrets(std::string_view a, std::string_view b);
// "AA:BB:...": SHA-256 of the first certificate in a PEM text, as browsers show it.
[[nodiscard]] Result<std::string> certificate_fingerprint(std::string_view pem);

}  // namespace warren::access
