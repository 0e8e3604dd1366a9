#include "vpnd/ike/header.h"

namespace warren::ike {

namespace {

constexpr std::uint8_t kMajorVersion = 2;
// RFC 7296 §3.1
constexpr std::uint8_t kFlagInitiator = 0x08;
constexpr std::uint8_t kFlagResponse = 0x20;

tl::unexpected<Flaw> refuse(Misfit misfit) {
    return tl::unexpected<Flaw>(Flaw{misfit});
}

}  // namespace

Header header_fields(std::span<const std::uint8_t, kHeaderSize> bytes) {
    ByteReader reader(bytes);
    Header header;
    header.spis.initiator = reader.be<std::uint64_t>();
    header.spis.responder = reader.be<std::uint64_t>();
    header.next_payload = static_cast<PayloadType>(reader.u8());
    header.minor_version = reader.u8() & 0x0fU;
    header.exchange = static_cast<ExchangeType>(reader.u8());
    const std::uint8_t flags = reader.u8();
    header.is_initiator = (flags & kFlagInitiator) != 0;
    header.is_response = (flags & kFlagResponse) != 0;
    header.message_id = reader.be<std::uint32_t>();
    header.length = reader.be<std::uint32_t>();
    return header;
}

Read<Header> read_header(Bytes datagram) {
    if (datagram.size() < kHeaderSize) return refuse(Misfit::kShort);
    const unsigned major_version = datagram[17] >> 4U;
    if (major_version < kMajorVersion) return refuse(Misfit::kIkev1);
    if (major_version > kMajorVersion) return refuse(Misfit::kMajorVersion);
    if (datagram.size() > kMostMessage) return refuse(Misfit::kTooLong);
    const Header header = header_fields(datagram.first<kHeaderSize>());
    if (header.length != datagram.size()) return refuse(Misfit::kLength);
    if (header.spis.initiator == 0) return refuse(Misfit::kSpi);
    if (header.exchange != ExchangeType::kIkeSaInit) {
        if (header.spis.responder == 0) return refuse(Misfit::kSpi);
        return header;
    }
    if (!header.is_response && header.spis.responder != 0) return refuse(Misfit::kSpi);
    if (header.is_initiator == header.is_response || header.message_id != 0) return refuse(Misfit::kFlags);
    return header;
}

void write_header(const Header& header, std::span<std::uint8_t, kHeaderSize> out) {
    ByteWriter writer(out);
    writer.be(header.spis.initiator);
    writer.be(header.spis.responder);
    writer.u8(static_cast<std::uint8_t>(header.next_payload));
    writer.u8(kMajorVersion << 4U);
    writer.u8(static_cast<std::uint8_t>(header.exchange));
    writer.u8(static_cast<std::uint8_t>((header.is_initiator ? kFlagInitiator : 0U) |
                                        (header.is_response ? kFlagResponse : 0U)));
    writer.be(header.message_id);
    writer.be(header.length);
}

}  // namespace warren::ike
