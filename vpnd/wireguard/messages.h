// WireGuard's handshake messages on the wire (WireGuard whitepaper §5.4). All integers are little-endian.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "base/bytes.h"

namespace warren::wireguard {

inline constexpr std::size_t kInitiationSize = 148;  // WireGuard whitepaper §5.4.2
inline constexpr std::size_t kResponseSize = 92;     // WireGuard whitepaper §5.4.3
inline constexpr std::size_t kCookieReplySize = 64;  // WireGuard whitepaper §5.4.7
inline constexpr std::size_t kMaxHandshakeSize = kInitiationSize;

// The first 32 bits: the type and three reserved bytes, which are zero.
enum class MessageType : std::uint32_t { kInitiation = 1, kResponse = 2, kCookieReply = 3, kData = 4 };

using Mac = std::array<std::uint8_t, 16>;
using Cookie = Mac;

// WireGuard whitepaper §5.4.2
struct Initiation {
    std::uint32_t sender = 0;
    std::array<std::uint8_t, 32> ephemeral{};
    std::array<std::uint8_t, 48> sealed_static{};
    std::array<std::uint8_t, 28> sealed_timestamp{};
};

// WireGuard whitepaper §5.4.3
struct Response {
    std::uint32_t sender = 0;
    std::uint32_t receiver = 0;
    std::array<std::uint8_t, 32> ephemeral{};
    std::array<std::uint8_t, 16> sealed_nothing{};
};

// WireGuard whitepaper §5.4.7
struct CookieReply {
    std::uint32_t receiver = 0;
    std::array<std::uint8_t, 24> nonce{};
    std::array<std::uint8_t, 32> sealed_cookie{};
};

// Why a datagram is no handshake message.
enum class Misfit : std::uint8_t { kNone, kType, kLength };

// The type of a datagram whose type, reserved bits and length are those of a handshake message; `type` counts only with
// Misfit::kNone.
struct Classified {
    Misfit misfit = Misfit::kNone;
    MessageType type = MessageType::kInitiation;
};
[[nodiscard]] Classified classify(Bytes datagram);

// Nothing when the type, the reserved bits or the length are others.
[[nodiscard]] std::optional<Initiation> parse_initiation(Bytes datagram);
[[nodiscard]] std::optional<Response> parse_response(Bytes datagram);
[[nodiscard]] std::optional<CookieReply> parse_cookie_reply(Bytes datagram);

// All but the macs, which stay as they are (see cookie.h).
void format(const Initiation& message, std::span<std::uint8_t, kInitiationSize> out);
void format(const Response& message, std::span<std::uint8_t, kResponseSize> out);
void format(const CookieReply& message, std::span<std::uint8_t, kCookieReplySize> out);

// Initiations and responses end in mac1 and mac2. `message` is a whole one.
[[nodiscard]] Bytes before_mac1(Bytes message);  // what mac1 covers
[[nodiscard]] Bytes before_mac2(Bytes message);  // what mac2 covers: mac1 as well
[[nodiscard]] Mac mac1_of(Bytes message);
[[nodiscard]] Mac mac2_of(Bytes message);

}  // namespace warren::wireguard
