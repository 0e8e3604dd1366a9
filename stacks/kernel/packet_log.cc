#include "stacks/kernel/packet_log.h"

#include <fcntl.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_log.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <utility>

#include "base/ip.h"
#include "stacks/kernel/netlink_message.h"

namespace warren::stacks {

namespace {

constexpr std::uint32_t kCopied = 64;     // bytes of each packet: the IP header and the ports
constexpr std::uint32_t kLatest = 25;     // hundredths of a second that reports are collected
constexpr int kReceiveSpace = 64 * 1024;  // of the socket, of which there may be thousands

std::uint16_t type_of(int message) {
    return static_cast<std::uint16_t>((NFNL_SUBSYS_ULOG << 8) | message);
}

nfgenmsg header_of(std::uint16_t group) {
    nfgenmsg out{};
    out.nfgen_family = AF_UNSPEC;
    out.version = NFNETLINK_V0;
    out.res_id = byte_swap(group);
    return out;
}

// Sends one request and waits for what the kernel says of it.
Status ask(int socket, NetlinkRequest& request) {
    const Bytes bytes = request.bytes();
    if (::send(socket, bytes.data(), bytes.size(), 0) < 0) return fail_errno("netlink send", errno);
    std::array<std::uint8_t, 4096> space{};
    for (;;) {
        const ssize_t size = ::recv(socket, space.data(), space.size(), 0);
        if (size < 0 && errno == EINTR) continue;
        if (size < 0) return fail_errno("netlink receive", errno);
        Bytes stream = Bytes(space).first(static_cast<std::size_t>(size));
        NetlinkMessage message;
        while (next_message(stream, message)) {
            if (message.type != NLMSG_ERROR) continue;  // packets may come already
            const NetlinkAnswer answer = parse_answer(message);
            return answer.error == 0 ? Status() : fail_errno("listen to the group of the log", answer.error);
        }
    }
}

std::string with_port(const IpAddress& address, Bytes transport, std::size_t at) {
    if (transport.size() < at + 2) return to_string(address);
    return to_string(Endpoint{address, load_be<std::uint16_t>(transport.data() + at), 0});
}

// IPv4 (RFC 791) and IPv6 (RFC 8200); extension headers of IPv6 are named by their number.
struct Parts {
    IpAddress source;
    IpAddress destination;
    std::uint8_t protocol = 0;
    Bytes transport;  // empty in a later fragment
};
std::optional<Parts> parts_of(Bytes packet) {
    if (packet.empty()) return std::nullopt;
    const std::size_t version = packet[0] >> 4U;
    if (version == 4 && packet.size() >= 20) {
        const std::size_t size = std::size_t{packet[0] & 0x0fU} * 4;
        const bool is_later = (load_be<std::uint16_t>(packet.data() + 6) & 0x1fffU) != 0;
        Parts out{IpAddress::v4(packet[12], packet[13], packet[14], packet[15]),
                  IpAddress::v4(packet[16], packet[17], packet[18], packet[19]),
                  packet[9],
                  {}};
        if (!is_later && size >= 20 && packet.size() >= size) out.transport = packet.subspan(size);
        return out;
    }
    if (version != 6 || packet.size() < 40) return std::nullopt;
    std::array<std::uint8_t, 16> source{};
    std::array<std::uint8_t, 16> destination{};
    std::copy_n(packet.begin() + 8, 16, source.begin());
    std::copy_n(packet.begin() + 24, 16, destination.begin());
    return Parts{IpAddress::from_bytes(source), IpAddress::from_bytes(destination), packet[6], packet.subspan(40)};
}

}  // namespace

Result<UniqueFd> open_packet_log(std::uint16_t group) {
    UniqueFd socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER));
    if (!socket.valid()) return fail_errno("open netlink socket", errno);
    (void)::setsockopt(socket.get(), SOL_SOCKET, SO_RCVBUF, &kReceiveSpace, sizeof kReceiveSpace);
    NetlinkRequest bind(type_of(NFULNL_MSG_CONFIG), NLM_F_ACK, header_of(group));
    nfulnl_msg_config_cmd command{};
    command.command = NFULNL_CFG_CMD_BIND;
    bind.put(NFULA_CFG_CMD, Bytes(reinterpret_cast<const std::uint8_t*>(&command), sizeof command));
    WARREN_TRY(ask(socket.get(), bind));
    NetlinkRequest mode(type_of(NFULNL_MSG_CONFIG), NLM_F_ACK, header_of(group));
    nfulnl_msg_config_mode what{};
    what.copy_range = byte_swap(kCopied);
    what.copy_mode = NFULNL_COPY_PACKET;
    mode.put(NFULA_CFG_MODE, Bytes(reinterpret_cast<const std::uint8_t*>(&what), sizeof what));
    mode.put_be32(NFULA_CFG_TIMEOUT, kLatest);
    WARREN_TRY(ask(socket.get(), mode));
    const int flags = ::fcntl(socket.get(), F_GETFL);
    if (flags < 0 || ::fcntl(socket.get(), F_SETFL, flags | O_NONBLOCK) != 0) return fail_errno("fcntl", errno);
    return socket;
}

std::vector<LoggedPacket> parse_packet_log(Bytes messages) {
    std::vector<LoggedPacket> out;
    NetlinkMessage message;
    while (next_message(messages, message)) {
        if (message.type != type_of(NFULNL_MSG_PACKET) || message.payload.size() < sizeof(nfgenmsg)) continue;
        LoggedPacket packet;
        Bytes attributes = message.payload.subspan(sizeof(nfgenmsg));
        NetlinkAttribute attribute;
        const auto number = [&] {
            return attribute.value.size() == 4 ? load_be<std::uint32_t>(attribute.value.data()) : 0;
        };
        while (next_attribute(attributes, attribute)) {
            if (attribute.type == NFULA_PREFIX) packet.prefix = attribute.text();
            if (attribute.type == NFULA_IFINDEX_INDEV) packet.in_device = number();
            if (attribute.type == NFULA_IFINDEX_OUTDEV) packet.out_device = number();
            if (attribute.type == NFULA_PAYLOAD) packet.packet.assign(attribute.value.begin(), attribute.value.end());
        }
        out.push_back(std::move(packet));
    }
    return out;
}

std::string packet_text(Bytes packet) {
    const auto parts = parts_of(packet);
    if (!parts) return "not IP";
    const auto text = [&](const char* name, bool has_ports) {
        const Bytes transport = has_ports ? parts->transport : Bytes();
        return std::string(name) + " " + with_port(parts->source, transport, 0) + " -> " +
               with_port(parts->destination, transport, 2);
    };
    switch (parts->protocol) {
        case 1: return text("icmp", false);
        case 58: return text("icmpv6", false);
        case 6: return text("tcp", true);
        case 17: return text("udp", true);
        default: return text(("protocol " + std::to_string(parts->protocol)).c_str(), false);
    }
}

}  // namespace warren::stacks
