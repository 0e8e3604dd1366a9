// WireGuard's transport data message (whitepaper §5.4.6): type, receiver index, counter, sealed packet, tag.
#pragma once

#include <algorithm>

#include "base/bytes.h"
#include "base/ids.h"
#include "crypto/aead.h"

namespace warren::dataplane {

inline constexpr std::size_t kTransportHeaderSize = 16;
// What a message is longer than the padded packet in it.
inline constexpr std::size_t kTransportOverhead = kTransportHeaderSize + crypto::kTagSize;
inline constexpr std::size_t kPaddingMultiple = 16;      // whitepaper §5.4.6
inline constexpr std::size_t kDatagramMaximum = 65'507;  // UDP payload over IPv4, RFC 791 and RFC 768
inline constexpr std::size_t kInnerMaximum =
    (kDatagramMaximum - kTransportOverhead) / kPaddingMultiple * kPaddingMultiple;

struct TransportHeader {
    SessionId receiver;
    std::uint64_t counter = 0;
};

// `message` was classified as kTransport.
[[nodiscard]] inline TransportHeader parse_transport_header(Bytes message) {
    return {SessionId{load_le<std::uint32_t>(message.data() + 4)}, load_le<std::uint64_t>(message.data() + 8)};
}

// Writes kTransportHeaderSize bytes.
inline void write_transport_header(std::uint8_t* to, std::uint32_t receiver, std::uint64_t counter) {
    store_le<std::uint32_t>(to, 4);
    store_le(to + 4, receiver);
    store_le(to + 8, counter);
}

// The size a packet is padded to before it is sealed: a multiple of 16, but not beyond the tunnel's MTU; a packet
// larger than the MTU is padded as its last MTU-sized unit would be (conformance D1).
[[nodiscard]] inline std::size_t padded_size(std::size_t size, std::size_t mtu) {
    const auto aligned = [](std::size_t n) { return (n + kPaddingMultiple - 1) / kPaddingMultiple * kPaddingMultiple; };
    if (mtu == 0) return aligned(size);
    const std::size_t last_unit = size > mtu ? size % mtu : size;
    return size - last_unit + std::min(mtu, aligned(last_unit));
}

}  // namespace warren::dataplane
