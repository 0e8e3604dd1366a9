// What a datagram on a WireGuard port is, by its first bytes and its length alone.
#pragma once

#include "base/bytes.h"

namespace warren::dataplane {

enum class MessageClass : std::uint8_t {
    kTransport,  // type 4: carries a packet or is a keepalive
    kHandshake,  // initiation, response or cookie reply of the right length
    kUnknown,    // nothing of ours
};

// WireGuard whitepaper §5.4: the type is one byte, three zero bytes follow, which reads as one little-endian integer.
[[nodiscard]] inline MessageClass classify(Bytes datagram) {
    if (datagram.size() < 4) return MessageClass::kUnknown;
    switch (load_le<std::uint32_t>(datagram.data())) {
        case 1: return datagram.size() == 148 ? MessageClass::kHandshake : MessageClass::kUnknown;  // §5.4.2
        case 2: return datagram.size() == 92 ? MessageClass::kHandshake : MessageClass::kUnknown;   // §5.4.3
        case 3: return datagram.size() == 64 ? MessageClass::kHandshake : MessageClass::kUnknown;   // §5.4.7
        case 4:
            return datagram.size() >= 32 ? MessageClass::kTransport : MessageClass::kUnknown;  // §5.4.6: header and tag
        default: return MessageClass::kUnknown;
    }
}

}  // namespace warren::dataplane
