// The Extensible Authentication Protocol (RFC 3748) as bytes: the header of its messages, and names of users. PURE.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/bytes.h"

namespace warren::eap {

enum class Code : std::uint8_t { kRequest = 1, kResponse = 2, kSuccess = 3, kFailure = 4 };
// IANA's registry "Extensible Authentication Protocol (EAP) Registry".
enum class Type : std::uint8_t {
    kNone = 0,  // of kSuccess and kFailure, and in a Nak: nothing else
    kIdentity = 1,
    kNotification = 2,
    kNak = 3,
    kTls = 13,
    kMschapv2 = 26,
};

inline constexpr std::size_t kMostIdentity = 253;  // bytes of a user's name: what RADIUS carries (RFC 2865 §5.1)

struct Message {
    Code code = Code::kFailure;
    std::uint8_t identifier = 0;
    Type type = Type::kNone;
    Bytes data;  // behind the type
};

// Nothing: it is none, or shorter than it says. What follows it is padding (RFC 3748 §4).
[[nodiscard]] std::optional<Message> read_message(Bytes bytes);
// data.size() < 65,530
[[nodiscard]] std::vector<std::uint8_t> write_message(const Message& message);

// "alice@acme.example" (RFC 7542 §2.2), "ACME\alice" (Windows), or "alice".
struct UserName {
    std::string_view user;   // "" where it is withheld: "@acme.example" (RFC 9190 §2.1.4)
    std::string_view realm;  // "" when there is none
};
// Nothing: it is empty, too long, has control characters or bytes that are no ASCII or UTF-8 text's.
[[nodiscard]] std::optional<std::string_view> name_in(Bytes identity);
[[nodiscard]] UserName split_name(std::string_view name);
// ASCII letters have no case (RFC 7542 §2.4).
[[nodiscard]] bool is_same_realm(std::string_view a, std::string_view b);

// Why a conversation came to nothing. The peer is not told.
enum class Reason : std::uint8_t {
    kNone,
    kMalformed,    // a message that cannot be understood
    kUnexpected,   // one that may not come now
    kNoMethod,     // the peer takes none of ours
    kUnknownUser,  // the customer has none of that name
    kWrongPassword,
    kPaused,         // too many wrong passwords just before: it was not looked at
    kTls,            // the TLS handshake failed
    kCertificate,    // the client's certificate is not taken
    kTooManyRounds,  // more requests than one authentication takes
    kFull,           // too many conversations at once
    kOver,           // something after the end
};

}  // namespace warren::eap
