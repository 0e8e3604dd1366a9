// Packets that rules of a stack's firewall tell of, as the kernel reports them (NFLOG). Source: Linux
// include/uapi/linux/netfilter/nfnetlink_log.h.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/fd.h"
#include "base/result.h"

namespace warren::stacks {

// A socket that is told of packets in the network namespace that the thread is in, non-blocking. Of a group there is
// one such socket.
[[nodiscard]] Result<UniqueFd> open_packet_log(std::uint16_t group);

struct LoggedPacket {
    std::string prefix;                // of the rule
    std::uint32_t in_device = 0;       // index; 0: it is the stack's own
    std::uint32_t out_device = 0;      // 0: it is for the stack
    std::vector<std::uint8_t> packet;  // its first bytes, from its IP header on
};
// What one read of the socket has. PURE.
[[nodiscard]] std::vector<LoggedPacket> parse_packet_log(Bytes messages);
// "tcp 10.0.1.5:51000 -> 10.42.0.10:443", "icmp 10.0.0.1 -> 10.0.0.2"; "not IP" for other bytes. PURE.
[[nodiscard]] std::string packet_text(Bytes packet);

}  // namespace warren::stacks
