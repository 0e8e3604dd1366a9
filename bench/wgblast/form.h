// What the messages of a tunnel look like: WireGuard's (whitepaper §5.4), or ESP in UDP with an AEAD (RFC 4303, 3948).
#pragma once

#include "base/bytes.h"
#include "bench/wgblast/session.h"
#include "crypto/aead.h"

namespace warren::bench {

enum class Protocol : std::uint8_t { kWireguard, kIpsec };

inline constexpr std::size_t kMessageHeader = 16;                                   // of both
inline constexpr std::size_t kMessageOverhead = kMessageHeader + crypto::kTagSize;  // without padding

// Of a message with an inner packet of that size.
[[nodiscard]] std::size_t message_size(Protocol protocol, std::size_t inner);
// A session's messages are told from those of handshakes. False for a keepalive of IPsec, which is no message.
[[nodiscard]] bool is_data(Protocol protocol, Bytes datagram);
// Our id of the session of a data message.
[[nodiscard]] std::uint32_t session_of(Protocol protocol, Bytes message);

// Writes all but the inner packet, which the caller writes behind kMessageHeader, and returns what seals it. `message`
// has message_size(inner) bytes. The session's counter goes on.
[[nodiscard]] crypto::AeadJob prepare(Protocol protocol, Session& session, std::uint8_t* message, std::size_t inner);
// Only the header, with this counter: a message that nobody sealed.
void write_header(Protocol protocol, const Session& session, std::uint64_t counter, std::uint8_t* message);
// Opens a message in `packet`, of which the inner packet is left, with WireGuard's padding. False: not authentic.
[[nodiscard]] bool open(Protocol protocol, crypto::PacketAead& aead, const Session& session, Bytes message,
                        std::vector<std::uint8_t>& packet);

}  // namespace warren::bench
