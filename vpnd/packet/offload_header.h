// The header that a TUN device with IFF_VNET_HDR puts before each packet (virtio 1.1 §5.1.6, Linux
// include/uapi/linux/virtio_net.h).
#pragma once

#include <array>

#include "base/bytes.h"

namespace warren::dataplane {

inline constexpr std::size_t kOffloadHeaderSize = 10;

enum class GsoType : std::uint8_t { kNone = 0, kTcpV4 = 1, kTcpV6 = 4, kUdp = 5 };

// Little-endian on every supported machine.
struct OffloadHeader {
    static constexpr std::uint8_t kNeedsChecksum = 1;  // VIRTIO_NET_HDR_F_NEEDS_CSUM
    static constexpr std::uint8_t kGsoEcn = 0x80;      // VIRTIO_NET_HDR_GSO_ECN, a flag in gso_type

    std::uint8_t flags = 0;
    std::uint8_t gso_type = 0;
    std::uint16_t header_size = 0;      // Ethernet to transport header: how much the kernel makes linear
    std::uint16_t gso_size = 0;         // payload of each segment but the last
    std::uint16_t checksum_start = 0;   // where the transport header starts
    std::uint16_t checksum_offset = 0;  // of the checksum field from there

    [[nodiscard]] std::array<std::uint8_t, kOffloadHeaderSize> encode() const {
        std::array<std::uint8_t, kOffloadHeaderSize> out{flags, gso_type};
        store_le(out.data() + 2, header_size);
        store_le(out.data() + 4, gso_size);
        store_le(out.data() + 6, checksum_start);
        store_le(out.data() + 8, checksum_offset);
        return out;
    }
    // `bytes` has kOffloadHeaderSize bytes.
    [[nodiscard]] static OffloadHeader decode(Bytes bytes) {
        return {bytes[0],
                bytes[1],
                load_le<std::uint16_t>(bytes.data() + 2),
                load_le<std::uint16_t>(bytes.data() + 4),
                load_le<std::uint16_t>(bytes.data() + 6),
                load_le<std::uint16_t>(bytes.data() + 8)};
    }
};

// Which super-packets a TUN takes: packets of these kinds may be joined.
struct Joining {
    bool tcp = false;
    bool udp = false;

    bool operator==(const Joining&) const = default;
};

}  // namespace warren::dataplane
