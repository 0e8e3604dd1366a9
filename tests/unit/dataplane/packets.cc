#include "packets.h"

namespace warren::dataplane::test {

namespace {

void append(Packet& to, Bytes bytes) {
    to.insert(to.end(), bytes.begin(), bytes.end());
}

template <std::unsigned_integral T>
void append_be(Packet& to, T value) {
    std::array<std::uint8_t, sizeof(T)> bytes;
    store_be(bytes.data(), value);
    append(to, bytes);
}

}  // namespace

std::uint16_t naive_checksum(Bytes bytes) {
    std::uint32_t sum = 0;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        sum += static_cast<std::uint32_t>(bytes[i]) << (i % 2 == 0 ? 8 : 0);
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return static_cast<std::uint16_t>(~sum);
}

std::uint16_t naive_transport_checksum(Bytes packet) {
    const bool is_v4 = packet[0] >> 4 == 4;
    const std::size_t header = is_v4 ? (packet[0] & 15U) * 4U : 40U;
    const std::uint8_t protocol = packet[is_v4 ? 9 : 6];
    Packet pseudo;
    append(pseudo, is_v4 ? packet.subspan(12, 8) : packet.subspan(8, 32));
    append_be(pseudo, static_cast<std::uint32_t>(packet.size() - header));
    append_be(pseudo, std::uint32_t{protocol});
    append(pseudo, packet.subspan(header));
    return naive_checksum(pseudo);
}

bool naive_ipv4_header_is_right(Bytes packet) {
    return naive_checksum(packet.first((packet[0] & 15U) * 4U)) == 0;
}

Packet random_bytes(std::mt19937& random, std::size_t size) {
    Packet out(size);
    for (auto& byte : out) byte = static_cast<std::uint8_t>(random());
    return out;
}

Packet ip_packet(const IpFields& fields, std::uint8_t protocol, Bytes payload) {
    Packet out;
    if (fields.source.is_v4()) {
        append_be(out, std::uint8_t{0x45});
        append_be(out, fields.traffic_class);
        append_be(out, static_cast<std::uint16_t>(20 + payload.size()));
        append_be(out, fields.identification);
        append_be(out, static_cast<std::uint16_t>(fields.dont_fragment ? 0x4000 : 0));
        append_be(out, fields.hop_limit);
        append_be(out, protocol);
        append_be(out, std::uint16_t{0});
        append(out, fields.source.bytes());
        append(out, fields.destination.bytes());
        store_be(out.data() + 10, naive_checksum(out));
    } else {
        append_be(out, 0x60000000U | (std::uint32_t{fields.traffic_class} << 20));
        append_be(out, static_cast<std::uint16_t>(payload.size()));
        append_be(out, protocol);
        append_be(out, fields.hop_limit);
        append(out, fields.source.bytes());
        append(out, fields.destination.bytes());
    }
    append(out, payload);
    return out;
}

Packet udp_packet(const IpFields& fields, std::uint16_t source_port, std::uint16_t destination_port, Bytes payload) {
    Packet udp;
    append_be(udp, source_port);
    append_be(udp, destination_port);
    append_be(udp, static_cast<std::uint16_t>(8 + payload.size()));
    append_be(udp, std::uint16_t{0});
    append(udp, payload);
    Packet out = ip_packet(fields, 17, udp);
    const std::uint16_t checksum = naive_transport_checksum(out);
    store_be(out.data() + (out.size() - udp.size()) + 6, static_cast<std::uint16_t>(checksum == 0 ? 0xffff : checksum));
    return out;
}

Packet tcp_packet(const IpFields& fields, const TcpFields& tcp, Bytes payload) {
    Packet segment;
    append_be(segment, tcp.source_port);
    append_be(segment, tcp.destination_port);
    append_be(segment, tcp.sequence);
    append_be(segment, tcp.acknowledgement);
    append_be(segment, static_cast<std::uint8_t>((20 + tcp.options.size()) / 4 << 4));
    append_be(segment, tcp.flags);
    append_be(segment, tcp.window);
    append_be(segment, std::uint16_t{0});
    append_be(segment, std::uint16_t{0});
    append(segment, tcp.options);
    append(segment, payload);
    Packet out = ip_packet(fields, 6, segment);
    store_be(out.data() + (out.size() - segment.size()) + 16, naive_transport_checksum(out));
    return out;
}

Packet icmp_packet(const IpFields& fields, std::uint8_t type, std::uint8_t code, Bytes rest) {
    Packet icmp{type, code, 0, 0};
    append(icmp, rest);
    const bool is_v4 = fields.source.is_v4();
    if (is_v4) store_be(icmp.data() + 2, naive_checksum(icmp));
    Packet out = ip_packet(fields, is_v4 ? 1 : 58, icmp);
    if (!is_v4) store_be(out.data() + 42, naive_transport_checksum(out));
    return out;
}

Packet from_tun(Bytes packet) {
    Packet out(10);
    append(out, packet);
    return out;
}

}  // namespace warren::dataplane::test
