#include "vpnd/ike/payload.h"

namespace warren::ike {

namespace {

constexpr std::uint16_t kFixedFormat = 0x8000;   // the AF bit, RFC 7296 §3.3.5
constexpr std::uint16_t kKeyLength = 14;         // RFC 7296 §3.3.5
constexpr std::size_t kTransformHeaderSize = 8;  // RFC 7296 §3.3.2

}  // namespace

Transform Transform::take(Bytes& rest) {
    const std::size_t length = load_be<std::uint16_t>(rest.data() + 2);
    Transform out;
    out.type = static_cast<TransformType>(rest[4]);
    out.id = load_be<std::uint16_t>(rest.data() + 6);
    ByteReader attributes(rest.subspan(kTransformHeaderSize, length - kTransformHeaderSize));
    while (!attributes.rest().empty()) {
        const auto type = attributes.be<std::uint16_t>();
        const auto value = attributes.be<std::uint16_t>();
        if (type == (kFixedFormat | kKeyLength) && out.key_bits == 0 && value != 0) {
            out.key_bits = value;
        } else {
            out.has_unknown_attribute = true;
        }
        if ((type & kFixedFormat) == 0) (void)attributes.take(value);
    }
    rest = rest.subspan(length);
    return out;
}

ProposalView ProposalView::take(Bytes& rest) {
    const std::size_t length = load_be<std::uint16_t>(rest.data() + 2);
    ByteReader reader(rest.subspan(4, length - 4));
    ProposalView out;
    out.number = reader.u8();
    out.protocol = static_cast<ProtocolId>(reader.u8());
    const std::size_t spi_size = reader.u8();
    const std::size_t count = reader.u8();
    out.spi = reader.take(spi_size);
    out.transforms = {reader.rest(), count};
    rest = rest.subspan(length);
    return out;
}

TrafficSelector TrafficSelector::take(Bytes& rest) {
    // The reader has counted those of a type that we know: there is one.
    while (static_cast<TsType>(rest[0]) != TsType::kIpv4AddrRange &&
           static_cast<TsType>(rest[0]) != TsType::kIpv6AddrRange) {
        rest = rest.subspan(load_be<std::uint16_t>(rest.data() + 2));
    }
    ByteReader reader(rest);
    const std::size_t size = static_cast<TsType>(reader.u8()) == TsType::kIpv4AddrRange ? 4 : 16;
    TrafficSelector out;
    out.protocol = reader.u8();
    (void)reader.be<std::uint16_t>();
    out.first_port = reader.be<std::uint16_t>();
    out.last_port = reader.be<std::uint16_t>();
    out.first = IpAddress::from_bytes(reader.take(size));
    out.last = IpAddress::from_bytes(reader.take(size));
    rest = reader.rest();
    return out;
}

ConfigAttribute ConfigAttribute::take(Bytes& rest) {
    ByteReader reader(rest);
    ConfigAttribute out;
    out.type = static_cast<CfgAttribute>(reader.be<std::uint16_t>() & 0x7fffU);
    out.value = reader.take(reader.be<std::uint16_t>());
    rest = reader.rest();
    return out;
}

}  // namespace warren::ike
