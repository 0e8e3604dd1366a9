// TCP and UDP headers, as far as the data path reads them (RFC 9293 §3.1, RFC 768).
#pragma once

#include <cstddef>
#include <cstdint>

namespace warren::dataplane {

inline constexpr std::size_t kTcpHeaderMinimum = 20;
inline constexpr std::size_t kTcpSequence = 4;  // offsets
inline constexpr std::size_t kTcpAcknowledgement = 8;
inline constexpr std::size_t kTcpDataOffset = 12;
inline constexpr std::size_t kTcpFlags = 13;
inline constexpr std::size_t kTcpWindow = 14;
inline constexpr std::size_t kTcpChecksum = 16;
inline constexpr std::size_t kTcpUrgentPointer = 18;

inline constexpr std::uint8_t kTcpFin = 0x01;
inline constexpr std::uint8_t kTcpPush = 0x08;
inline constexpr std::uint8_t kTcpAck = 0x10;
inline constexpr std::uint8_t kTcpCwr = 0x80;  // RFC 3168 §6.1

inline constexpr std::size_t kUdpHeaderSize = 8;
inline constexpr std::size_t kUdpLength = 4;  // offsets
inline constexpr std::size_t kUdpChecksum = 6;

}  // namespace warren::dataplane
