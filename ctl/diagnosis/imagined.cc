#include "ctl/diagnosis/imagined.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

namespace warren::diagnosis {

namespace {

constexpr std::size_t kIpv4Header = 20;
constexpr std::size_t kIpv6Header = 40;
constexpr std::size_t kTcpHeader = 20;
constexpr std::size_t kUdpHeader = 8;
constexpr std::array<std::uint8_t, 4> kMark{0x57, 0x68, 0x79, 0x3f};
constexpr std::uint8_t kHops = 64;
constexpr std::uint8_t kSyn = 0x02;
constexpr std::uint8_t kAck = 0x10;
constexpr std::uint32_t kSequence = 0x10000000;

std::uint32_t sum_of(Bytes bytes, std::uint32_t sum) {
    for (std::size_t i = 0; i < bytes.size(); i += 2)
        sum += static_cast<std::uint32_t>(bytes[i] << 8) | (i + 1 < bytes.size() ? bytes[i + 1] : 0U);
    while ((sum >> 16) != 0) sum = (sum & 0xffffU) + (sum >> 16);
    return sum;
}

std::uint16_t checksum_of(Bytes bytes, std::uint32_t sum = 0) {
    return static_cast<std::uint16_t>(~sum_of(bytes, sum));
}

// Without its checksum; and where that is.
std::pair<std::vector<std::uint8_t>, std::size_t> payload_of(const ImaginedPacket& packet) {
    std::vector<std::uint8_t> out;
    std::size_t checksum = 2;
    if (packet.protocol == kTcp) {
        out.resize(kTcpHeader);
        store_be(out.data(), packet.from_port);
        store_be(out.data() + 2, packet.to_port);
        store_be(out.data() + 4, kSequence);
        if (packet.is_answer) store_be(out.data() + 8, static_cast<std::uint32_t>(kSequence + 1 + kMark.size()));
        out[12] = (kTcpHeader / 4) << 4;
        out[13] = packet.is_answer ? kSyn | kAck : kSyn;
        store_be(out.data() + 14, std::uint16_t{65'535});
        checksum = 16;
    } else if (packet.protocol == kUdp) {
        out.resize(kUdpHeader);
        store_be(out.data(), packet.from_port);
        store_be(out.data() + 2, packet.to_port);
        store_be(out.data() + 4, static_cast<std::uint16_t>(kUdpHeader + kMark.size()));
        checksum = 6;
    } else {
        out.resize(8);
        const bool is_v4 = packet.protocol == kIcmp;
        out[0] = packet.is_answer ? (is_v4 ? 0 : 129) : (is_v4 ? 8 : 128);
        store_be(out.data() + 4, packet.from_port);  // its identifier
    }
    out.insert(out.end(), kMark.begin(), kMark.end());
    return {std::move(out), checksum};
}

}  // namespace

std::vector<std::uint8_t> bytes_of(const ImaginedPacket& packet) {
    const bool is_v4 = packet.from.is_v4();
    const std::size_t header = is_v4 ? kIpv4Header : kIpv6Header;
    auto [payload, checksum] = payload_of(packet);
    std::vector<std::uint8_t> out(header);
    const auto copy = [&out](const IpAddress& address, std::size_t at, std::size_t size) {
        std::copy_n(address.octets.begin(), size, out.begin() + static_cast<std::ptrdiff_t>(at));
    };
    if (is_v4) {
        out[0] = 0x45;
        store_be(out.data() + 2, static_cast<std::uint16_t>(header + payload.size()));
        out[6] = 0x40;  // may not be fragmented
        out[8] = kHops;
        out[9] = packet.protocol;
        copy(packet.from, 12, 4);
        copy(packet.to, 16, 4);
        store_be(out.data() + 10, checksum_of(out));
    } else {
        out[0] = 0x60;
        store_be(out.data() + 4, static_cast<std::uint16_t>(payload.size()));
        out[6] = packet.protocol;
        out[7] = kHops;
        copy(packet.from, 8, 16);
        copy(packet.to, 24, 16);
    }
    std::uint32_t pseudo = 0;
    if (packet.protocol != kIcmp) {
        pseudo = sum_of(is_v4 ? Bytes(out).subspan(12, 8) : Bytes(out).subspan(8, 32),
                        static_cast<std::uint32_t>(payload.size()) + packet.protocol);
    }
    store_be(payload.data() + checksum, checksum_of(payload, pseudo));
    out.insert(out.end(), payload.begin(), payload.end());
    return out;
}

std::optional<ImaginedPacket> packet_of(Bytes bytes) {
    if (bytes.empty()) return std::nullopt;
    const bool is_v4 = bytes[0] >> 4 == 4;
    const std::size_t header = is_v4 ? (bytes[0] & 0x0fU) * 4U : kIpv6Header;
    if (bytes.size() < header + 8 || (is_v4 && header < kIpv4Header)) return std::nullopt;
    ImaginedPacket out;
    out.protocol = bytes[is_v4 ? 9 : 6];
    out.from = IpAddress::from_bytes(bytes.subspan(is_v4 ? 12 : 8, is_v4 ? 4 : 16));
    out.to = IpAddress::from_bytes(bytes.subspan(is_v4 ? 16 : 24, is_v4 ? 4 : 16));
    const Bytes payload = bytes.subspan(header);
    if (out.protocol == kTcp || out.protocol == kUdp) {
        out.from_port = load_be<std::uint16_t>(payload.data());
        out.to_port = load_be<std::uint16_t>(payload.data() + 2);
        out.is_answer = out.protocol == kTcp && payload.size() >= kTcpHeader && (payload[13] & kAck) != 0;
        return out;
    }
    if (out.protocol != kIcmp && out.protocol != kIcmpv6) return std::nullopt;
    out.from_port = load_be<std::uint16_t>(payload.data() + 4);
    out.is_answer = payload[0] == (is_v4 ? 0 : 129);
    return out;
}

ImaginedPacket answer_to(const ImaginedPacket& packet) {
    ImaginedPacket out = packet;
    std::swap(out.from, out.to);
    if (packet.protocol == kTcp || packet.protocol == kUdp) std::swap(out.from_port, out.to_port);
    out.is_answer = true;
    return out;
}

std::string refusal_text(Bytes bytes) {
    const auto packet = packet_of(bytes);
    if (!packet) return {};
    const std::size_t header = packet->from.is_v4() ? (bytes[0] & 0x0fU) * 4U : kIpv6Header;
    if (packet->protocol == kTcp) return "a TCP reset";
    return fmt::format("ICMP type {} code {}", bytes[header], bytes[header + 1]);
}

}  // namespace warren::diagnosis
