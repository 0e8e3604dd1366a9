// Why a datagram did not do what it asked for, counted per listener.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace warren::wireguard {

// In the order in which a datagram meets them: cheap reasons before dear ones.
enum class HandshakeDrop : std::uint8_t {
    kBadType,                // type 0 or above 4, a data message, or reserved bits set
    kBadLength,              // not the length of its type
    kBadMac1,                // made by somebody who does not know our public key
    kReplayedInitiation,     // the same bytes as shortly before
    kCookieRequired,         // under load, no valid mac2: a cookie reply went out, if not too many did
    kRateLimited,            // under load, valid mac2, but the source asks too often
    kCustomerRateLimited,    // under load, the customer's peers ask too often
    kBadInitiation,          // does not open with our key, or a Diffie-Hellman result was zero
    kUnknownPeer,            // the static key is nobody's
    kOldTimestamp,           // not after the latest of this peer
    kInitiationTooSoon,      // within 20 ms of the peer's last
    kUnknownIndex,           // response or cookie reply to an index that we do not wait at
    kWrongState,             // response to a handshake that is over
    kBadResponse,            // does not open, or a Diffie-Hellman result was zero
    kUnexpectedCookieReply,  // we sent nothing since the last one
    kBadCookieReply,         // does not open
};
inline constexpr std::size_t kHandshakeDropCount = 16;

// snake_case, as counters are named outside: "bad_mac1".
[[nodiscard]] std::string_view name_of(HandshakeDrop drop);

// Since the engine was made.
struct HandshakeCounters {
    std::array<std::uint64_t, kHandshakeDropCount> drops{};
    std::uint64_t initiations_sent = 0;
    std::uint64_t initiations_accepted = 0;
    std::uint64_t responses_sent = 0;
    std::uint64_t responses_accepted = 0;
    std::uint64_t cookie_replies_sent = 0;
    std::uint64_t cookie_replies_accepted = 0;
    std::uint64_t handshakes_completed = 0;
    std::uint64_t handshakes_given_up = 0;

    [[nodiscard]] std::uint64_t dropped(HandshakeDrop drop) const { return drops[static_cast<std::size_t>(drop)]; }
};

}  // namespace warren::wireguard
