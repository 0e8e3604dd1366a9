// WireGuard's handshake messages on the wire (WireGuard whitepaper §5.4).
#pragma once

#include <array>
#include <cstdint>

#include "base/bytes.h"

namespace warren::wireguard {

inline constexpr std::size_t kInitiationSize = 148;  // WireGuard whitepaper §5.4.2
inline constexpr std::size_t kResponseSize = 92;     // WireGuard whitepaper §5.4.3
inline constexpr std::size_t kCookieReplySize = 64;  // WireGuard whitepaper §5.4.7
inline constexpr std::size_t kMaxHandshakeSize = kInitiationSize;

}  // namespace warren::wireguard
