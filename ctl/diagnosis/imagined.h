// An imagined packet as bytes, and what comes out of a stack as an imagined packet.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "ctl/diagnosis/way.h"

namespace warren::diagnosis {

// A whole IP packet with right checksums: an ICMP echo, a TCP segment that opens a connection (or answers to one), or
// a UDP datagram. Its last four bytes tell it from all others.
[[nodiscard]] std::vector<std::uint8_t> bytes_of(const ImaginedPacket& packet);
// Nothing: it is no packet that bytes_of() makes.
[[nodiscard]] std::optional<ImaginedPacket> packet_of(Bytes bytes);
// The answer to it.
[[nodiscard]] ImaginedPacket answer_to(const ImaginedPacket& packet);
// What a sender is told: "ICMP type 3 code 13", "a TCP reset"; "": nothing that one is told by.
[[nodiscard]] std::string refusal_text(Bytes packet);

}  // namespace warren::diagnosis
