// WireGuard's data messages (whitepaper §5.4.6) and the packets of the benchmark inside them: IPv4 without options.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/bytes.h"
#include "vpnd/packet/transport_header.h"

namespace warren::bench {

inline constexpr std::size_t kMessageHeader = 16;  // type, receiver index, counter
inline constexpr std::size_t kMessageOverhead = kMessageHeader + 16;
inline constexpr std::uint32_t kDataType = 4;
inline constexpr std::size_t kTrainMaximum = 65'507;  // bytes of UDP payload in one send or receive
inline constexpr std::size_t kMostSegments = 64;

inline constexpr std::size_t kIpHeader = 20;
inline constexpr std::uint8_t kPlainIpV4 = 0x45;  // version 4, no options
inline constexpr std::uint8_t kTcpProtocol = 6;

// Of a packet that is_tcp(): network and transport header.
[[nodiscard]] inline std::size_t headers_of(const std::uint8_t* packet) {
    return kIpHeader + std::size_t{packet[kIpHeader + dataplane::kTcpDataOffset]} / 16 * 4;
}
[[nodiscard]] inline bool is_tcp(const std::uint8_t* packet) {
    return packet[0] == kPlainIpV4 && packet[9] == kTcpProtocol;
}

}  // namespace warren::bench
