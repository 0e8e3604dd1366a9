// WireGuard's messages (whitepaper §5.4): type, receiver index, counter, sealed packet, tag.
#pragma once

#include <array>

#include "base/bytes.h"
#include "base/ids.h"
#include "vpnd/dataplane/framing/framing.h"
#include "vpnd/dataplane/session.h"

namespace warren::dataplane {

struct WireguardFraming {
    static constexpr std::string_view kName = "wireguard";
    static constexpr std::uint32_t kHeaderSize = 16;
    static constexpr std::uint32_t kTrailerSize = crypto::kTagSize;
    static constexpr std::uint32_t kPaddingMultiple = 16;  // whitepaper §5.4.6
    static constexpr std::uint32_t kInnerMaximum =
        (kDatagramMaximum - kHeaderSize - kTrailerSize) / kPaddingMultiple * kPaddingMultiple;
    // Handshake initiations with a mac2, responses and cookie replies (whitepaper §5.4).
    static constexpr std::array<SolicitedMessage, 3> kSolicited{{{0x01000000, 132, 4}, {0x02000000}, {0x03000000}}};
    // Type 4 and its reserved bytes; the least significant byte of the receiver index comes first (whitepaper §5.4.6).
    static constexpr Steering kSteering{
        .word = 0x04000000, .word_means_data = true, .worker_byte = 4, .solicited = kSolicited};
    static constexpr bool kHasEmptyMessages = true;  // keepalives (conformance D2)

    // The type is one byte, three zero bytes follow, which reads as one little-endian integer.
    [[nodiscard]] static MessageHead parse(Bytes message) {
        const std::size_t size = message.size();
        if (size < 4) return {};
        switch (load_le<std::uint32_t>(message.data())) {
            case 1: return {.kind = size == 148 ? MessageKind::kControl : MessageKind::kMalformed};  // §5.4.2
            case 2: return {.kind = size == 92 ? MessageKind::kControl : MessageKind::kMalformed};   // §5.4.3
            case 3: return {.kind = size == 64 ? MessageKind::kControl : MessageKind::kMalformed};   // §5.4.7
            case 4: break;                                                                           // §5.4.6
            default: return {};
        }
        if (size < kHeaderSize + kTrailerSize) return {};
        const auto counter = load_le<std::uint64_t>(message.data() + 8);
        return {counter, SessionId{load_le<std::uint32_t>(message.data() + 4)}, MessageKind::kData};
    }

    // A multiple of 16, but not beyond the tunnel's MTU; a packet larger than the MTU is padded as its last MTU-sized
    // unit would be (conformance D1).
    [[nodiscard]] static std::size_t padded_size(std::size_t size, std::size_t mtu) {
        const auto aligned = [](std::size_t n) {
            return (n + kPaddingMultiple - 1) / kPaddingMultiple * kPaddingMultiple;
        };
        if (mtu == 0) return aligned(size);
        const std::size_t last_unit = size > mtu ? size % mtu : size;
        return size - last_unit + std::min(mtu, aligned(last_unit));
    }

    // At most 15 bytes; where the tag will stand may be overwritten.
    static void pad(std::uint8_t* text, std::size_t size, std::size_t /*padded*/) {
        store_le<std::uint64_t>(text + size, 0);
        store_le<std::uint64_t>(text + size + 8, 0);
    }

    static void write_header(std::uint8_t* header, const Session& session, std::uint64_t counter,
                             crypto::AeadJob& job) {
        write_header(header, session.remote_id, counter);
        job.iv = counter;
        job.associated_size = 0;
    }
    static void write_header(std::uint8_t* header, std::uint32_t receiver, std::uint64_t counter) {
        store_le<std::uint32_t>(header, 4);
        store_le(header + 4, receiver);
        store_le(header + 8, counter);
    }
};

inline constexpr const Framing& kWireguardFraming = kFramingOf<WireguardFraming>;

}  // namespace warren::dataplane
