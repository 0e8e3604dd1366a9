// Inner packets for tests: built field by field, with the checksum computed in the slow, simple way.
#pragma once

#include <cstdint>
#include <random>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/ip.h"

namespace warren::dataplane::test {

using Packet = std::vector<std::uint8_t>;

// RFC 1071 §4.1, word by word, big-endian.
std::uint16_t naive_checksum(Bytes bytes);
// The checksum over pseudo-header and transport part; valid if the result is 0.
std::uint16_t naive_transport_checksum(Bytes packet);
bool naive_ipv4_header_is_right(Bytes packet);

struct TcpFields {
    std::uint16_t source_port = 40'000;
    std::uint16_t destination_port = 443;
    std::uint32_t sequence = 1;
    std::uint32_t acknowledgement = 7;
    std::uint8_t flags = 0x10;  // ACK
    std::uint16_t window = 512;
    Packet options;  // a multiple of 4 bytes
};

struct IpFields {
    IpAddress source = IpAddress::v4(10, 0, 0, 2);
    IpAddress destination = IpAddress::v4(10, 0, 1, 10);
    std::uint8_t traffic_class = 0;
    std::uint8_t hop_limit = 64;
    std::uint16_t identification = 0x1234;
    bool dont_fragment = true;
};

Packet random_bytes(std::mt19937& random, std::size_t size);
// `payload` behind an IP header of the family of fields.source.
Packet ip_packet(const IpFields& fields, std::uint8_t protocol, Bytes payload);
Packet udp_packet(const IpFields& fields, std::uint16_t source_port, std::uint16_t destination_port, Bytes payload);
Packet tcp_packet(const IpFields& fields, const TcpFields& tcp, Bytes payload);
Packet icmp_packet(const IpFields& fields, std::uint8_t type, std::uint8_t code, Bytes rest);

// A packet as read from a TUN, with an empty offload header in front.
Packet from_tun(Bytes packet);

}  // namespace warren::dataplane::test
