// Inner IPv4 packets with valid checksums: consecutive TCP segments, UDP datagrams and echo requests.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/bytes.h"
#include "vpnd/packet/checksum.h"

namespace warren::bench {

enum class Transport : std::uint8_t { kTcp, kUdp };

// The fields that differ between packets of one shape. Addresses are in host byte order.
struct InnerFields {
    std::uint32_t source = 0;
    std::uint32_t destination = 0;
    std::uint16_t source_port = 0;
    std::uint32_t sequence = 0;  // TCP only: of the first byte of the payload
};

// The packets of one protocol and size. Writing one takes a copy and a few sums.
class InnerShape {
  public:
    // `size` is that of the whole packet, at least minimum_size(transport).
    InnerShape(Transport transport, std::size_t size);
    [[nodiscard]] static std::size_t minimum_size(Transport transport);

    [[nodiscard]] std::size_t size() const { return bytes_.size(); }
    [[nodiscard]] std::size_t payload() const;
    // `to` needs room for size() bytes.
    void write(const InnerFields& fields, std::uint8_t* to) const;

  private:
    Transport transport_;
    std::vector<std::uint8_t> bytes_;
    dataplane::ChecksumSum header_sum_ = 0;     // of the IPv4 header without addresses
    dataplane::ChecksumSum transport_sum_ = 0;  // of the rest and the pseudo-header, without what InnerFields says
};

// An echo request that carries a number to the stack and back, in `size` bytes; window marks have kEchoSize.
struct Echo {
    std::uint16_t identifier = 0;
    std::uint64_t stamp = 0;
};
inline constexpr std::size_t kEchoSize = 72;
void write_echo_request(std::uint32_t source, const Echo& echo, MutableBytes to);
// Nothing if the packet is not a reply to write_echo_request's.
[[nodiscard]] std::optional<Echo> parse_echo_reply(Bytes packet);

// True if the checksums of the IP header and of TCP, UDP or ICMP are right.
[[nodiscard]] bool is_intact(Bytes packet);

}  // namespace warren::bench
