#include "vpnd/dataplane/icmp.h"

#include "vpnd/packet/checksum.h"

namespace warren::dataplane {

namespace {

constexpr std::size_t kIcmpHeaderSize = 8;
constexpr std::size_t kIcmpV4Maximum = 576;
constexpr std::uint8_t kTimeToLive = 64;
constexpr std::uint8_t kPrecedenceInternetControl = 0xc0;  // RFC 1812 §4.3.2.5

// ICMP messages that answer a question rather than report an error (IANA, ICMP parameters).
bool is_icmp_error(std::uint8_t type) {
    constexpr std::array<std::uint8_t, 5> kErrors{
        3, 4, 5, 11, 12};  // unreachable, source quench, redirect, time exceeded, parameter problem
    return std::find(kErrors.begin(), kErrors.end(), type) != kErrors.end();
}
bool is_icmp_v6_error(std::uint8_t type) {
    return type < 128 || type == 137;
}  // errors, redirect (RFC 4443 §2.1, RFC 4861 §4.5)

bool may_answer_v4(const InnerPacket& offender) {
    const Bytes packet = offender.bytes();
    const bool later_fragment = (load_be<std::uint16_t>(packet.data() + 6) & 0x1fffU) != 0;
    if (later_fragment) return false;
    if (offender.protocol() != kProtocolIcmp) return true;
    return packet.size() > offender.header_size() && !is_icmp_error(packet[offender.header_size()]);
}

// Walks the extension headers (RFC 8200 §4): what cannot be understood is not answered.
bool may_answer_v6(const InnerPacket& offender) {
    constexpr std::uint8_t kRouting = 43;
    constexpr std::uint8_t kFragment = 44;
    constexpr std::uint8_t kDestinationOptions = 60;
    constexpr int kMaximumExtensions = 8;
    const auto is_extension = [](std::uint8_t header) {
        return header == kFragment || header == kProtocolHopByHop || header == kRouting ||
               header == kDestinationOptions;
    };
    std::uint8_t next = offender.protocol();
    ByteReader rest(Bytes(offender.bytes()).subspan(kIpV6HeaderSize));
    for (int i = 0; i < kMaximumExtensions && is_extension(next) && rest.ok(); ++i) {
        const bool is_fragment = next == kFragment;
        next = rest.u8();
        const std::uint8_t length = rest.u8();
        const auto offset_and_more = rest.be<std::uint16_t>();
        if (is_fragment && (offset_and_more & 0xfff8U) != 0) return false;
        rest.take(is_fragment ? 4 : length * std::size_t{8} + 4);
    }
    if (!rest.ok() || is_extension(next)) return false;
    if (next != kProtocolIcmpV6) return true;
    const std::uint8_t type = rest.u8();
    return rest.ok() && !is_icmp_v6_error(type);
}

bool is_broadcast(const IpAddress& address, const CustomerView& customer) {
    if (!address.is_v4()) return false;
    const auto value = load_be<std::uint32_t>(address.octets.data());
    if (value == 0xffffffffU) return true;
    return std::any_of(customer.addresses.begin(), customer.addresses.end(), [&](const Prefix& own) {
        if (!own.address.is_v4() || own.length >= 31 || !own.contains(address)) return false;
        return (value | (0xffffffffU << (32U - own.length))) == 0xffffffffU;
    });
}

// The stack's address nearest to the one that gets the error.
std::optional<IpAddress> own_address(const CustomerView& customer, const IpAddress& towards) {
    const Prefix* best = nullptr;
    for (const Prefix& own : customer.addresses) {
        if (own.address.family != towards.family || (!own.address.is_v4() && own.address.is_link_local())) continue;
        const bool nearer =
            best == nullptr || (own.contains(towards) && (!best->contains(towards) || own.length > best->length));
        if (nearer) best = &own;
    }
    if (best == nullptr) return std::nullopt;
    return best->address;
}

void write_v4_header(std::uint8_t* to, std::size_t size, const IpAddress& from, const IpAddress& destination) {
    std::memset(to, 0, kIpV4HeaderMinimum);
    to[0] = 0x45;
    to[1] = kPrecedenceInternetControl;
    store_be(to + 2, static_cast<std::uint16_t>(size));
    to[8] = kTimeToLive;
    to[9] = kProtocolIcmp;
    std::memcpy(to + 12, from.octets.data(), 4);
    std::memcpy(to + 16, destination.octets.data(), 4);
    store_le(to + 10, checksum_finish(checksum_sum(Bytes(to, kIpV4HeaderMinimum))));
}

void write_v6_header(std::uint8_t* to, std::size_t size, const IpAddress& from, const IpAddress& destination) {
    std::memset(to, 0, kIpV6HeaderSize);
    to[0] = 0x60;
    store_be(to + 4, static_cast<std::uint16_t>(size - kIpV6HeaderSize));
    to[6] = kProtocolIcmpV6;
    to[7] = kTimeToLive;
    std::memcpy(to + 8, from.octets.data(), 16);
    std::memcpy(to + 24, destination.octets.data(), 16);
}

void write_icmp_header(std::uint8_t* to, IcmpError error, bool is_v4, std::size_t mtu) {
    std::memset(to, 0, kIcmpHeaderSize);
    if (is_v4) {
        to[0] = 3;                                    // destination unreachable
        to[1] = error == IcmpError::kTooBig ? 4 : 1;  // fragmentation needed; host unreachable
        if (error == IcmpError::kTooBig) store_be(to + 6, static_cast<std::uint16_t>(mtu));
        return;
    }
    to[0] = error == IcmpError::kTooBig ? 2 : 1;  // packet too big; destination unreachable
    to[1] = error == IcmpError::kTooBig ? 0 : 3;  // address unreachable
    if (error == IcmpError::kTooBig) store_be(to + 4, static_cast<std::uint32_t>(mtu));
}

}  // namespace

bool write_icmp_error(IcmpError error, const InnerPacket& offender, const CustomerView& customer, std::size_t mtu,
                      IcmpPacket& out) {
    const IpAddress source = offender.source();
    const IpAddress destination = offender.destination();
    if (is_martian_source(source) || is_broadcast(source, customer)) return false;
    if (destination.is_multicast() || is_broadcast(destination, customer)) return false;
    if (!(offender.is_v4() ? may_answer_v4(offender) : may_answer_v6(offender))) return false;
    const auto own = own_address(customer, source);
    if (!own) return false;

    const std::size_t network = offender.is_v4() ? kIpV4HeaderMinimum : kIpV6HeaderSize;
    const std::size_t maximum = offender.is_v4() ? kIcmpV4Maximum : kIcmpMaximum;
    const std::size_t quoted = std::min(offender.bytes().size(), maximum - network - kIcmpHeaderSize);
    out.size = network + kIcmpHeaderSize + quoted;
    std::uint8_t* const packet = out.space.data();
    std::uint8_t* const icmp = packet + network;
    write_icmp_header(icmp, error, offender.is_v4(), mtu);
    std::memcpy(icmp + kIcmpHeaderSize, offender.bytes().data(), quoted);
    ChecksumSum sum = checksum_sum(Bytes(icmp, kIcmpHeaderSize + quoted));
    if (offender.is_v4()) {
        write_v4_header(packet, out.size, *own, source);
    } else {
        write_v6_header(packet, out.size, *own, source);
        sum += checksum_pseudo_header(Bytes(packet + 8, 32), kProtocolIcmpV6, kIcmpHeaderSize + quoted);
    }
    store_le(icmp + 2, checksum_finish(sum));
    return true;
}

}  // namespace warren::dataplane
