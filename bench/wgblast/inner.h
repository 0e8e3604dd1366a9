// Inner IPv4 packets with right checksums: TCP segments that follow each other, UDP datagrams, echo requests.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/bytes.h"
#include "vpnd/packet/checksum.h"

namespace warren::bench {

enum class Transport : std::uint8_t { kTcp, kUdp };

// What differs between the packets of one shape. Addresses in host byte order.
struct InnerFields {
    std::uint32_t source = 0;
    std::uint32_t destination = 0;
    std::uint16_t source_port = 0;
    std::uint32_t sequence = 0;  // TCP only: of the first byte of the payload
};

// All packets of one protocol and size: writing one is a copy and a few sums.
class InnerShape {
  public:
    // `size`: of the whole packet, at least minimum_size(transport).
    InnerShape(Transport transport, std::size_t size);
    [[nodiscard]] static std::size_t minimum_size(Transport transport);

    [[nodiscard]] std::size_t size() const { return bytes_.size(); }
    [[nodiscard]] std::size_t payload() const;
    // `to` has room for size() bytes.
    void write(const InnerFields& fields, std::uint8_t* to) const;

  private:
    Transport transport_;
    std::vector<std::uint8_t> bytes_;
    dataplane::ChecksumSum header_sum_ = 0;     // of the IPv4 header without addresses
    dataplane::ChecksumSum transport_sum_ = 0;  // of the rest and the pseudo-header, without what InnerFields says
};

// A whole number that travels to the stack and back. `size` bytes; kEchoSize is what window marks have.
struct Echo {
    std::uint16_t identifier = 0;
    std::uint64_t stamp = 0;
};
inline constexpr std::size_t kEchoSize = 72;
void write_echo_request(std::uint32_t source, const Echo& echo, MutableBytes to);
// Nothing when the packet is no echo reply of write_echo_request's.
[[nodiscard]] std::optional<Echo> parse_echo_reply(Bytes packet);

// The header's checksum and that of TCP, UDP or ICMP after it are right.
[[nodiscard]] bool is_intact(Bytes packet);

}  // namespace warren::bench
