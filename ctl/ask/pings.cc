#include "ctl/ask/pings.h"

#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <thread>

#include "base/bytes.h"
#include "base/fd.h"
#include "base/socket_address.h"
#include "ctl/ask/netns.h"

namespace warren::ctl {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kIpHeader = 20;
constexpr std::size_t kIp6Header = 40;
constexpr std::size_t kEchoHeader = 8;
constexpr std::uint8_t kEchoRequest = 8;
constexpr std::uint8_t kEchoRequest6 = 128;
constexpr std::uint8_t kEchoReply = 0;
constexpr std::uint8_t kEchoReply6 = 129;

UniqueFd open_socket(bool is_v4) {
    UniqueFd out(::socket(is_v4 ? AF_INET : AF_INET6, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK,
                          is_v4 ? int{IPPROTO_ICMP} : int{IPPROTO_ICMPV6}));
    if (!out.valid()) return out;
    // May not be fragmented, whatever is known of the path.
    const int discover = is_v4 ? IP_PMTUDISC_PROBE : IPV6_PMTUDISC_PROBE;
    (void)::setsockopt(out.get(), is_v4 ? IPPROTO_IP : IPPROTO_IPV6, is_v4 ? IP_MTU_DISCOVER : IPV6_MTU_DISCOVER,
                       &discover, sizeof discover);
    return out;
}

void send_all(const UniqueFd& socket, bool is_v4, std::uint16_t id, const std::vector<Ping>& pings) {
    for (std::size_t i = 0; i < pings.size(); ++i) {
        if (pings[i].to.is_v4() != is_v4) continue;
        const auto message = echo_request(pings[i].to, id, static_cast<std::uint16_t>(i), pings[i].bytes);
        sockaddr_storage to{};
        const socklen_t size = fill_address(Endpoint{pings[i].to, 0, 0}, to);
        (void)::sendto(socket.get(), message.data(), message.size(), 0, reinterpret_cast<const sockaddr*>(&to), size);
    }
}

// One message of a raw socket: IPv4 brings its header along, IPv6 does not.
void note_reply(Bytes message, bool is_v4, std::uint16_t id, std::vector<Ping>& pings) {
    if (is_v4) {
        if (message.size() < kIpHeader) return;
        const std::size_t header = (message[0] & 0x0fU) * 4U;
        if (message.size() < header) return;
        message = message.subspan(header);
    }
    if (message.size() < kEchoHeader || message[0] != (is_v4 ? kEchoReply : kEchoReply6)) return;
    const auto number = load_be<std::uint16_t>(message.data() + 6);
    if (load_be<std::uint16_t>(message.data() + 4) == id && number < pings.size() && pings[number].to.is_v4() == is_v4)
        pings[number].answered = true;
}

void receive_all(const UniqueFd& socket, bool is_v4, std::uint16_t id, std::vector<Ping>& pings) {
    std::vector<std::uint8_t> space(65'536);
    while (true) {
        const ssize_t got = ::recv(socket.get(), space.data(), space.size(), 0);
        if (got <= 0) return;
        note_reply(Bytes(space).first(static_cast<std::size_t>(got)), is_v4, id, pings);
    }
}

Status ping_here(std::vector<Ping>& pings, std::chrono::milliseconds time) {
    const std::array<UniqueFd, 2> sockets{open_socket(true), open_socket(false)};
    if (!sockets[0].valid()) return fail_errno("a socket for pings", errno);
    const auto id = static_cast<std::uint16_t>(::getpid());
    send_all(sockets[0], true, id, pings);
    if (sockets[1].valid()) send_all(sockets[1], false, id, pings);
    const auto until = Clock::now() + time;
    while (!std::all_of(pings.begin(), pings.end(), [](const Ping& one) { return one.answered; })) {
        const auto rest = std::chrono::duration_cast<std::chrono::milliseconds>(until - Clock::now()).count();
        if (rest <= 0) break;
        std::array<pollfd, 2> ready{{{sockets[0].get(), POLLIN, 0}, {sockets[1].get(), POLLIN, 0}}};
        if (::poll(ready.data(), ready.size(), static_cast<int>(rest)) < 0 && errno != EINTR) break;
        receive_all(sockets[0], true, id, pings);
        if (sockets[1].valid()) receive_all(sockets[1], false, id, pings);
    }
    return {};
}

}  // namespace

std::vector<std::uint8_t> echo_request(const IpAddress& to, std::uint16_t id, std::uint16_t number, std::size_t bytes) {
    const std::size_t header = to.is_v4() ? kIpHeader : kIp6Header;
    std::vector<std::uint8_t> out(std::max(bytes, header + kEchoHeader) - header);
    out[0] = to.is_v4() ? kEchoRequest : kEchoRequest6;
    store_be(out.data() + 4, id);
    store_be(out.data() + 6, number);
    if (!to.is_v4()) return out;  // the kernel writes the checksum of ICMPv6
    std::uint32_t sum = 0;
    for (std::size_t i = 0; i < out.size(); i += 2)
        sum += static_cast<std::uint32_t>(out[i] << 8) | (i + 1 < out.size() ? out[i + 1] : 0U);
    while ((sum >> 16) != 0) sum = (sum & 0xffffU) + (sum >> 16);
    store_be(out.data() + 2, static_cast<std::uint16_t>(~sum));
    return out;
}

Status ping_from(const std::string& customer, std::vector<Ping>& pings, std::chrono::milliseconds time) {
    const auto stack = open_stack(customer);
    if (!stack) return tl::unexpected<Error>(stack.error());
    Status out;
    // A separate thread enters the stack and ends there; the caller stays in its own namespace.
    std::thread([&] {
        out = enter(*stack, customer);
        if (out) out = ping_here(pings, time);
    }).join();
    return out;
}

}  // namespace warren::ctl
