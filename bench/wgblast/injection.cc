#include "bench/wgblast/injection.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "vpnd/packet/inner_packet.h"
#include "vpnd/packet/offload_header.h"
#include "vpnd/packet/transport_header.h"

namespace warren::bench {

using dataplane::checksum_finish;
using dataplane::checksum_fold;
using dataplane::checksum_sum;
using dataplane::kIpV4HeaderMinimum;
using dataplane::kOffloadHeaderSize;
using dataplane::OffloadHeader;

Injection::Injection(InjectionSpec spec, ForeignSocket socket, Crowd* crowd, const Roster& roster, Instant start)
    : spec_(std::move(spec)),
      socket_(std::move(socket)),
      crowd_(crowd),
      roster_(roster),
      shape_(spec_.mix.transport, spec_.mix.sizes.front()),
      pace_(start, spec_.rate),
      window_(crowd == nullptr ? 0 : spec_.window),
      packets_before_(received_of(false)),
      bytes_before_(received_of(true)) {}

void Injection::step(Instant now) {
    if (window_.packets() > 0) window_.arrived(now, received_of(false) - packets_before_);
    if (!window_.is_open(now) || now < pace_.due(window_.sent())) return;
    const std::uint32_t peer = spec_.mix.first_peer + turn_ % spec_.mix.peers;
    build(spec_.to_peers ? roster_.address_of(peer) : spec_.mix.destination, spec_.train);
    if (!socket_.send(packet_)) {
        ++refused_;
        return;
    }
    ++turn_;
    sequence_ += static_cast<std::uint32_t>(shape_.payload() * spec_.train);
    window_.sent(now, spec_.train);
}

// A packet of the shape; several become one super-packet, whose transport checksum is completed when it is split.
void Injection::build(std::uint32_t destination, std::uint32_t packets) {
    const bool is_tcp = spec_.mix.transport == Transport::kTcp;
    const std::size_t headers = InnerShape::minimum_size(spec_.mix.transport);
    const std::size_t size = headers + shape_.payload() * packets;
    packet_.assign(kOffloadHeaderSize + size, 0x5a);
    std::uint8_t* const ip = packet_.data() + kOffloadHeaderSize;
    const auto port = static_cast<std::uint16_t>(10'000 + turn_ % spec_.mix.flows);
    shape_.write({spec_.source, destination, port, sequence_}, ip);
    OffloadHeader header;
    if (packets > 1) {
        store_be(ip + 2, static_cast<std::uint16_t>(size));
        store_le<std::uint16_t>(ip + 10, 0);
        store_le(ip + 10, checksum_finish(checksum_sum(Bytes(ip, kIpV4HeaderMinimum))));
        const std::size_t length = size - kIpV4HeaderMinimum;
        const std::size_t field = is_tcp ? dataplane::kTcpChecksum : dataplane::kUdpChecksum;
        if (!is_tcp) store_be(ip + kIpV4HeaderMinimum + dataplane::kUdpLength, static_cast<std::uint16_t>(length));
        store_le(ip + kIpV4HeaderMinimum + field,
                 checksum_fold(dataplane::checksum_pseudo_header(Bytes(ip + 12, 8), ip[9], length)));
        header = {OffloadHeader::kNeedsChecksum,
                  static_cast<std::uint8_t>(is_tcp ? dataplane::GsoType::kTcpV4 : dataplane::GsoType::kUdp),
                  static_cast<std::uint16_t>(headers),
                  static_cast<std::uint16_t>(shape_.payload()),
                  kIpV4HeaderMinimum,
                  static_cast<std::uint16_t>(field)};
    }
    const auto encoded = header.encode();
    std::copy(encoded.begin(), encoded.end(), packet_.begin());
}

std::uint64_t Injection::received_of(bool bytes) const {
    if (crowd_ == nullptr) return 0;
    std::uint64_t sum = 0;
    for (std::uint32_t i = 0; i < spec_.mix.peers; ++i) {
        const Client& client = crowd_->client(spec_.mix.first_peer + i);
        sum += bytes ? client.received_bytes : client.received_packets;
    }
    return sum;
}

nlohmann::json Injection::result() const {
    return {{"name", spec_.name},
            {"sent_packets", window_.sent()},
            {"received_packets", received_of(false) - packets_before_},
            {"received_bytes", received_of(true) - bytes_before_},
            {"refused", refused_},
            {"stalls", window_.stalls()}};
}

}  // namespace warren::bench
