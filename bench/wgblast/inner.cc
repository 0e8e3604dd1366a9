#include "bench/wgblast/inner.h"

#include <algorithm>

#include "bench/wgblast/roster.h"
#include "vpnd/packet/inner_packet.h"
#include "vpnd/packet/transport_header.h"

namespace warren::bench {

namespace {

using dataplane::checksum_finish;
using dataplane::checksum_fold;
using dataplane::checksum_number;
using dataplane::checksum_sum;
using dataplane::ChecksumSum;
using dataplane::kIpV4HeaderMinimum;
using dataplane::kProtocolIcmp;
using dataplane::kProtocolTcp;
using dataplane::kProtocolUdp;
using dataplane::kTcpChecksum;
using dataplane::kTcpHeaderMinimum;
using dataplane::kTcpSequence;
using dataplane::kUdpChecksum;
using dataplane::kUdpHeaderSize;

constexpr std::uint16_t kDestinationPort = 5201;
constexpr std::uint8_t kEchoRequest = 8;  // RFC 792
constexpr std::size_t kEchoHeader = 8;

std::size_t transport_header_of(Transport transport) {
    return transport == Transport::kTcp ? kTcpHeaderMinimum : kUdpHeaderSize;
}

// Without addresses and checksum.
void write_ip_header(std::uint8_t protocol, std::uint8_t ttl, MutableBytes packet) {
    std::fill_n(packet.begin(), kIpV4HeaderMinimum, std::uint8_t{0});
    packet[0] = 0x45;
    store_be(packet.data() + 2, static_cast<std::uint16_t>(packet.size()));
    packet[6] = 0x40;  // DF
    packet[8] = ttl;
    packet[9] = protocol;
}

void write_addresses(std::uint32_t source, std::uint32_t destination, std::uint8_t* packet) {
    store_be(packet + 12, source);
    store_be(packet + 16, destination);
}

}  // namespace

std::size_t InnerShape::minimum_size(Transport transport) {
    return kIpV4HeaderMinimum + transport_header_of(transport);
}

std::size_t InnerShape::payload() const {
    return bytes_.size() - minimum_size(transport_);
}

InnerShape::InnerShape(Transport transport, std::size_t size)
    : transport_(transport), bytes_(std::max(size, minimum_size(transport))) {
    const bool is_tcp = transport == Transport::kTcp;
    const std::uint8_t protocol = is_tcp ? kProtocolTcp : kProtocolUdp;
    for (std::size_t i = 0; i < bytes_.size(); ++i) bytes_[i] = static_cast<std::uint8_t>(i * 167);
    write_ip_header(protocol, 64, bytes_);
    header_sum_ = checksum_sum(Bytes(bytes_).first(kIpV4HeaderMinimum));

    std::uint8_t* const header = bytes_.data() + kIpV4HeaderMinimum;
    const std::size_t length = bytes_.size() - kIpV4HeaderMinimum;
    std::fill_n(header, transport_header_of(transport), std::uint8_t{0});
    store_be(header + 2, kDestinationPort);
    if (is_tcp) {
        header[dataplane::kTcpDataOffset] = 0x50;
        header[dataplane::kTcpFlags] = dataplane::kTcpAck;
        store_be<std::uint16_t>(header + dataplane::kTcpWindow, 0xffff);
    } else {
        store_be(header + dataplane::kUdpLength, static_cast<std::uint16_t>(length));
    }
    transport_sum_ = checksum_sum(Bytes(header, length)) + checksum_number(protocol) +
                     checksum_number(static_cast<std::uint16_t>(length));
}

void InnerShape::write(const InnerFields& fields, std::uint8_t* to) const {
    std::copy(bytes_.begin(), bytes_.end(), to);
    write_addresses(fields.source, fields.destination, to);
    const ChecksumSum addresses = checksum_sum(Bytes(to + 12, 8));
    store_le(to + 10, checksum_finish(header_sum_ + addresses));

    std::uint8_t* const header = to + kIpV4HeaderMinimum;
    store_be(header, fields.source_port);
    ChecksumSum sum = transport_sum_ + addresses + checksum_number(fields.source_port);
    if (transport_ == Transport::kTcp) {
        store_be(header + kTcpSequence, fields.sequence);
        sum += checksum_sum(Bytes(header + kTcpSequence, 4));
        store_le(header + kTcpChecksum, checksum_finish(sum));
    } else {
        const std::uint16_t value = checksum_finish(sum);
        store_le<std::uint16_t>(header + kUdpChecksum, value == 0 ? 0xffff : value);  // RFC 768: 0 means none
    }
}

void write_echo_request(std::uint32_t source, const Echo& echo, MutableBytes to) {
    std::fill(to.begin(), to.end(), std::uint8_t{0});
    write_ip_header(kProtocolIcmp, 64, to);
    write_addresses(source, kStackAddress, to.data());
    store_le(to.data() + 10, checksum_finish(checksum_sum(Bytes(to).first(kIpV4HeaderMinimum))));
    std::uint8_t* const icmp = to.data() + kIpV4HeaderMinimum;
    icmp[0] = kEchoRequest;
    store_be(icmp + 4, echo.identifier);
    store_be(icmp + 6, static_cast<std::uint16_t>(echo.stamp));
    store_be(icmp + kEchoHeader, echo.stamp);
    store_le(icmp + 2, checksum_finish(checksum_sum(Bytes(to).subspan(kIpV4HeaderMinimum))));
}

std::optional<Echo> parse_echo_reply(Bytes packet) {
    if (packet.size() < kIpV4HeaderMinimum + kEchoHeader + 8 || packet[0] != 0x45 || packet[9] != kProtocolIcmp)
        return std::nullopt;
    const std::uint8_t* const icmp = packet.data() + kIpV4HeaderMinimum;
    if (icmp[0] != 0) return std::nullopt;
    return Echo{load_be<std::uint16_t>(icmp + 4), load_be<std::uint64_t>(icmp + kEchoHeader)};
}

bool is_intact(Bytes packet) {
    if (packet.size() < kIpV4HeaderMinimum || packet[0] != 0x45) return false;
    const std::size_t total = load_be<std::uint16_t>(packet.data() + 2);
    if (total > packet.size() || total < kIpV4HeaderMinimum) return false;
    if (checksum_fold(checksum_sum(packet.first(kIpV4HeaderMinimum))) != 0xffff) return false;
    const Bytes rest = packet.first(total).subspan(kIpV4HeaderMinimum);
    const ChecksumSum pseudo_header =
        packet[9] == kProtocolIcmp ? 0
                                   : dataplane::checksum_pseudo_header(packet.subspan(12, 8), packet[9], rest.size());
    return checksum_fold(pseudo_header + checksum_sum(rest)) == 0xffff;
}

}  // namespace warren::bench
