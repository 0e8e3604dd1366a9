// What a new node and the node that invited it know together, and the messages between them. PURE but for the random
// numbers, which are arguments.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/ip.h"
#include "base/result.h"
#include "crypto/random.h"
#include "crypto/secret_buffer.h"

namespace warren::ctl {

inline constexpr std::size_t kJoinSecret = 16;              // bytes
inline constexpr std::size_t kTokenFingerprint = 32;        // digits
inline constexpr std::size_t kMostJoinMessage = 64 * 1024;  // sealed

struct JoinToken {
    std::string node;                 // that is invited
    std::vector<Endpoint> addresses;  // where it asks
    std::string fingerprint;          // of the authority's certificate: SHA-256, the first 32 digits of base 16
    crypto::SecretBuffer secret;
};
// One word of letters and digits.
[[nodiscard]] std::string format_join_token(const JoinToken& token);
// kInvalid: it is none, or not the whole of one.
[[nodiscard]] Result<JoinToken> parse_join_token(std::string_view text);

enum class JoinMessage { kRequest, kReply };
// XChaCha20-Poly1305, with a key of its own for each kind. A reply belongs to one request, the sealed bytes of which
// are `about`.
[[nodiscard]] std::vector<std::uint8_t> seal_join_message(const crypto::SecretBuffer& secret, JoinMessage kind,
                                                          Bytes about, std::string_view text,
                                                          crypto::RandomSource& random);
// Nothing: another secret, another kind, about another request, or changed. Constant time but for the size.
[[nodiscard]] std::optional<std::string> open_join_message(const crypto::SecretBuffer& secret, JoinMessage kind,
                                                           Bytes about, Bytes sealed);

}  // namespace warren::ctl
