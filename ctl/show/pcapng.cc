#include "ctl/show/pcapng.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

namespace warren::ctl {

namespace {

constexpr std::uint32_t kSectionHeader = 0x0a0d0d0a;
constexpr std::uint32_t kInterface = 1;
constexpr std::uint32_t kEnhancedPacket = 6;
constexpr std::uint32_t kByteOrder = 0x1a2b3c4d;
// LINKTYPE_LINUX_SLL: the header of 16 bytes says only the direction and the protocol. With LINKTYPE_RAW libpcap takes
// one interface to a file.
constexpr std::uint16_t kCooked = 113;
constexpr std::size_t kCookedHeader = 16;
constexpr std::uint16_t kOutgoing = 4;
constexpr std::uint16_t kNoHardware = 0xfffe;
constexpr std::uint16_t kIpv4 = 0x0800;
constexpr std::uint16_t kIpv6 = 0x86dd;
constexpr std::uint16_t kComment = 1;
constexpr std::uint16_t kFlags = 2;
constexpr std::uint16_t kName = 2;
constexpr std::uint16_t kDescription = 3;
constexpr std::uint16_t kApplication = 4;
constexpr std::uint16_t kResolution = 9;
constexpr std::uint32_t kSnapLength = 65'535 + 48 + kCookedHeader;
constexpr std::uint8_t kUdp = 17;
constexpr std::size_t kUdpHeader = 8;
constexpr std::uint8_t kHops = 64;

template <typename T>
void append(std::vector<std::uint8_t>& to, T value) {
    std::array<std::uint8_t, sizeof(T)> bytes{};
    store_le(bytes.data(), value);
    to.insert(to.end(), bytes.begin(), bytes.end());
}

void pad(std::vector<std::uint8_t>& to) {
    while (to.size() % 4 != 0) to.push_back(0);
}

void append_option(std::vector<std::uint8_t>& to, std::uint16_t code, Bytes value) {
    append(to, code);
    append(to, static_cast<std::uint16_t>(value.size()));
    to.insert(to.end(), value.begin(), value.end());
    pad(to);
}

// Its type and its length stand before and behind it.
void append_block(std::vector<std::uint8_t>& to, std::uint32_t type, const std::vector<std::uint8_t>& body) {
    const auto length = static_cast<std::uint32_t>(body.size() + 3 * sizeof(std::uint32_t));
    append(to, type);
    append(to, length);
    to.insert(to.end(), body.begin(), body.end());
    append(to, length);
}

void append_interface(std::vector<std::uint8_t>& to, std::string_view name, const std::string& description) {
    std::vector<std::uint8_t> body;
    append(body, kCooked);
    append(body, std::uint16_t{0});
    append(body, kSnapLength);
    append_option(body, kName, as_bytes(name));
    append_option(body, kDescription, as_bytes(description));
    append_option(body, kResolution, std::array<std::uint8_t, 1>{9});  // nanoseconds
    append(body, std::uint32_t{0});
    append_block(to, kInterface, body);
}

void append_packet(std::vector<std::uint8_t>& to, std::uint32_t interface, const ipc::CaptureRecord& record,
                   Bytes packet, const std::string& comment) {
    std::vector<std::uint8_t> body;
    const auto at = static_cast<std::uint64_t>(record.at.nanoseconds);
    append(body, interface);
    append(body, static_cast<std::uint32_t>(at >> 32));
    append(body, static_cast<std::uint32_t>(at));
    std::array<std::uint8_t, kCookedHeader> cooked{};
    store_be(cooked.data(), record.is_outbound ? kOutgoing : std::uint16_t{0});
    store_be(cooked.data() + 2, kNoHardware);
    store_be(cooked.data() + 14, packet[0] >> 4 == 6 ? kIpv6 : kIpv4);
    const auto size = static_cast<std::uint32_t>(cooked.size() + packet.size());
    append(body, size);
    append(body, size);
    body.insert(body.end(), cooked.begin(), cooked.end());
    body.insert(body.end(), packet.begin(), packet.end());
    pad(body);
    append_option(body, kComment, as_bytes(comment));
    std::array<std::uint8_t, 4> direction{};
    store_le(direction.data(), std::uint32_t{record.is_outbound ? 2U : 1U});
    append_option(body, kFlags, direction);
    append(body, std::uint32_t{0});
    append_block(to, kEnhancedPacket, body);
}

// RFC 1071.
std::uint32_t sum_of(Bytes bytes, std::uint32_t sum = 0) {
    for (std::size_t i = 0; i < bytes.size(); i += 2)
        sum += static_cast<std::uint32_t>(bytes[i] << 8) | (i + 1 < bytes.size() ? bytes[i + 1] : 0U);
    while ((sum >> 16) != 0) sum = (sum & 0xffffU) + (sum >> 16);
    return sum;
}

}  // namespace

std::string comment_of(const ipc::CaptureRecord& record, std::uint64_t number) {
    std::string out = fmt::format("{} {}", number, record.is_outbound ? "outbound" : "inbound");
    if (!record.peer.empty()) out += fmt::format(", peer {}", record.peer);
    if (record.form == ipc::CaptureForm::kWireguard)
        out += fmt::format(", wireguard receiver 0x{:08x} counter {}", record.session, record.sequence);
    if (record.form == ipc::CaptureForm::kEsp)
        out += fmt::format(", esp spi 0x{:08x} sequence {}", record.session, record.sequence);
    if (record.is_drop) {
        out += fmt::format("; dropped: {}", record.note);
    } else if (!record.note.empty()) {
        out += fmt::format("; {}", record.note);
    }
    return out;
}

std::vector<std::uint8_t> outer_packet_of(const ipc::CaptureRecord& record) {
    const Endpoint& from = record.is_outbound ? record.local : record.remote;
    const Endpoint& to = record.is_outbound ? record.remote : record.local;
    const bool is_v4 = record.remote.address.is_v4();
    const std::size_t ip = is_v4 ? 20 : 40;
    const std::size_t udp_size = kUdpHeader + record.outer.size();
    std::vector<std::uint8_t> out(ip + udp_size);
    std::uint8_t* const udp = out.data() + ip;
    const auto copy = [&out](const IpAddress& address, std::size_t at, std::size_t size) {
        std::copy_n(address.octets.begin(), size, out.begin() + static_cast<std::ptrdiff_t>(at));
    };
    store_be(udp, from.port);
    store_be(udp + 2, to.port);
    store_be(udp + 4, static_cast<std::uint16_t>(udp_size));
    std::copy(record.outer.begin(), record.outer.end(), udp + kUdpHeader);
    if (is_v4) {
        out[0] = 0x45;
        out[1] = record.traffic_class;
        store_be(out.data() + 2, static_cast<std::uint16_t>(out.size()));
        out[8] = kHops;
        out[9] = kUdp;
        copy(from.address, 12, 4);
        copy(to.address, 16, 4);
        store_be(out.data() + 10, static_cast<std::uint16_t>(~sum_of(Bytes(out).first(ip))));
        return out;  // UDP without a checksum, which IPv4 allows (RFC 768)
    }
    store_be(out.data(), static_cast<std::uint32_t>(0x60000000U | (std::uint32_t{record.traffic_class} << 20)));
    store_be(out.data() + 4, static_cast<std::uint16_t>(udp_size));
    out[6] = kUdp;
    out[7] = kHops;
    copy(from.address, 8, 16);
    copy(to.address, 24, 16);
    const std::uint32_t pseudo = sum_of(Bytes(out).subspan(8, 32), static_cast<std::uint32_t>(udp_size) + kUdp);
    const auto checksum = static_cast<std::uint16_t>(~sum_of(Bytes(out).subspan(ip), pseudo));
    store_be(udp + 6, checksum == 0 ? std::uint16_t{0xffff} : checksum);
    return out;
}

std::vector<std::uint8_t> PcapngWriter::begin(const std::string& customer, const std::string& program) {
    std::vector<std::uint8_t> out;
    std::vector<std::uint8_t> body;
    append(body, kByteOrder);
    append(body, std::uint16_t{1});  // version 1.0
    append(body, std::uint16_t{0});
    append(body, UINT64_MAX);  // the section's length is not known
    append_option(body, kApplication, as_bytes(program));
    append(body, std::uint32_t{0});
    append_block(out, kSectionHeader, body);
    append_interface(out, "inner", "packets in the tunnels of " + customer);
    append_interface(out, "outer", "datagrams that carry them");
    return out;
}

std::vector<std::uint8_t> PcapngWriter::packets_of(const ipc::CaptureRecord& record) {
    const bool has_inner = !record.inner.empty() && parts_ != CaptureParts::kOuter;
    const bool has_outer = !record.outer.empty() && parts_ != CaptureParts::kInner;
    if (!has_inner && !has_outer) return {};
    const std::string comment = comment_of(record, ++number_);
    std::vector<std::uint8_t> out;
    const auto add_inner = [&] {
        if (has_inner) append_packet(out, 0, record, record.inner, comment);
    };
    // In the order in which they happened.
    if (record.is_outbound) add_inner();
    if (has_outer) append_packet(out, 1, record, outer_packet_of(record), comment);
    if (!record.is_outbound) add_inner();
    return out;
}

}  // namespace warren::ctl
