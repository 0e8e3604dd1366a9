#include "ctl/ask/pings.h"

#include <linux/icmp.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
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
constexpr int kRoom = 4 * static_cast<int>(PingPlan::kWindow);  // bytes, with what the kernel counts for each
constexpr int kTurn = 10;                                       // milliseconds

// Other messages of ICMP must not take up the room of the answers.
void leave_out_all_but_replies(int socket, bool is_v4) {
    const int room = kRoom;
    (void)::setsockopt(socket, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
    if (is_v4) {
        icmp_filter filter{~(1U << kEchoReply)};
        (void)::setsockopt(socket, SOL_RAW, ICMP_FILTER, &filter, sizeof filter);
        return;
    }
    icmp6_filter filter{};
    ICMP6_FILTER_SETBLOCKALL(&filter);
    ICMP6_FILTER_SETPASS(kEchoReply6, &filter);
    (void)::setsockopt(socket, IPPROTO_ICMPV6, ICMP6_FILTER, &filter, sizeof filter);
}

UniqueFd open_socket(bool is_v4) {
    UniqueFd out(::socket(is_v4 ? AF_INET : AF_INET6, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK,
                          is_v4 ? int{IPPROTO_ICMP} : int{IPPROTO_ICMPV6}));
    if (!out.valid()) return out;
    // May not be fragmented, whatever is known of the path.
    const int discover = is_v4 ? IP_PMTUDISC_PROBE : IPV6_PMTUDISC_PROBE;
    (void)::setsockopt(out.get(), is_v4 ? IPPROTO_IP : IPPROTO_IPV6, is_v4 ? IP_MTU_DISCOVER : IPV6_MTU_DISCOVER,
                       &discover, sizeof discover);
    leave_out_all_but_replies(out.get(), is_v4);
    return out;
}

// The two sockets of a stack, and what goes through them.
class Pinger {
  public:
    explicit Pinger(std::vector<Ping>& pings) : pings_(pings), plan_(pings) {}

    Status run(std::chrono::milliseconds time) {
        if (!sockets_[0].valid()) return fail_errno("a socket for pings", errno);
        const auto until = Clock::now() + time;
        while (Clock::now() < until && !plan_.is_over(Clock::now())) {
            send_due();
            std::array<pollfd, 2> ready{{{sockets_[0].get(), POLLIN, 0}, {sockets_[1].get(), POLLIN, 0}}};
            if (::poll(ready.data(), ready.size(), kTurn) < 0 && errno != EINTR) break;
            receive_all(true);
            receive_all(false);
        }
        plan_.judge(Clock::now());
        return {};
    }

  private:
    void send_due() {
        while (const auto number = plan_.due(Clock::now())) {
            const Ping& ping = pings_[*number];
            const auto message = echo_request(ping.to, id_, static_cast<std::uint16_t>(*number), ping.bytes);
            sockaddr_storage to{};
            const socklen_t size = fill_address(Endpoint{ping.to, 0, 0}, to);
            const ssize_t sent = ::sendto(sockets_.at(ping.to.is_v4() ? 0 : 1).get(), message.data(), message.size(), 0,
                                          reinterpret_cast<const sockaddr*>(&to), size);
            if (sent >= 0) {
                plan_.note_sent(*number, Clock::now());
            } else if (errno == EAGAIN || errno == ENOBUFS || errno == EINTR) {
                return;
            } else {
                plan_.note_unsendable(*number);
            }
        }
    }

    void receive_all(bool is_v4) {
        const UniqueFd& socket = sockets_.at(is_v4 ? 0 : 1);
        while (socket.valid()) {
            const ssize_t got = ::recv(socket.get(), space_.data(), space_.size(), 0);
            if (got <= 0) return;
            note_reply(Bytes(space_).first(static_cast<std::size_t>(got)), is_v4);
        }
    }

    // One message of a raw socket: IPv4 brings its header along, IPv6 does not.
    void note_reply(Bytes message, bool is_v4) {
        if (is_v4) {
            if (message.size() < kIpHeader) return;
            const std::size_t header = (message[0] & 0x0fU) * 4U;
            if (message.size() < header) return;
            message = message.subspan(header);
        }
        if (message.size() < kEchoHeader || message[0] != (is_v4 ? kEchoReply : kEchoReply6)) return;
        const auto number = load_be<std::uint16_t>(message.data() + 6);
        if (load_be<std::uint16_t>(message.data() + 4) == id_ && number < pings_.size() &&
            pings_[number].to.is_v4() == is_v4)
            plan_.note_answered(number);
    }

    std::vector<Ping>& pings_;
    PingPlan plan_;
    std::uint16_t id_ = static_cast<std::uint16_t>(::getpid());
    std::array<UniqueFd, 2> sockets_{open_socket(true), open_socket(false)};
    std::vector<std::uint8_t> space_ = std::vector<std::uint8_t>(65'536);
};

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
        if (out) out = Pinger(pings).run(time);
    }).join();
    return out;
}

}  // namespace warren::ctl
