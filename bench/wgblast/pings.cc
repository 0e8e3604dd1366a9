#include "bench/wgblast/pings.h"

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <nlohmann/json.hpp>

#include "bench/wgblast/clock.h"
#include "bench/wgblast/echoes.h"

namespace warren::bench {

namespace {
constexpr std::size_t kIpHeader = 20;
}

Result<std::unique_ptr<Pings>> Pings::create(PingSpec spec, std::uint16_t identifier, Instant start) {
    UniqueFd fd(::socket(AF_INET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_ICMP));
    if (!fd.valid()) return fail_errno("ICMP socket", errno);
    return std::unique_ptr<Pings>(new Pings(std::move(spec), identifier, std::move(fd), start));
}

Pings::Pings(PingSpec spec, std::uint16_t identifier, UniqueFd fd, Instant start)
    : spec_(std::move(spec)), identifier_(identifier), fd_(std::move(fd)), pace_(start, spec_.rate) {}

void Pings::step(Instant now) {
    const Duration left = std::max(Duration(0), pace_.due(sent_.size()) - now);
    const timespec patience{left.count() / 1'000'000'000, left.count() % 1'000'000'000};
    pollfd waiting{fd_.get(), POLLIN, 0};
    ::ppoll(&waiting, 1, &patience, nullptr);
    now = monotonic_now();
    std::array<std::uint8_t, 256> packet{};
    for (ssize_t size = 0; (size = ::recv(fd_.get(), packet.data(), packet.size(), MSG_DONTWAIT)) > 0;) {
        const auto echo = parse_echo_reply(Bytes(packet).first(static_cast<std::size_t>(size)));
        if (echo && echo->identifier == identifier_ && echo->stamp < sent_.size())
            trips_.push_back(now - sent_[echo->stamp]);
    }
    if (now < pace_.due(sent_.size())) return;
    write_echo_request(0, {identifier_, sent_.size()}, MutableBytes(packet).first(kEchoSize));
    sockaddr_in to{};
    to.sin_family = AF_INET;
    std::memcpy(&to.sin_addr, spec_.destination.octets.data(), sizeof to.sin_addr);
    const Bytes icmp = Bytes(packet).first(kEchoSize).subspan(kIpHeader);  // the kernel adds the IP header
    sent_.push_back(monotonic_now());
    if (::sendto(fd_.get(), icmp.data(), icmp.size(), MSG_DONTWAIT, reinterpret_cast<const sockaddr*>(&to), sizeof to) <
        0)
        sent_.pop_back();
}

nlohmann::json Pings::result() const {
    nlohmann::json out = percentiles(trips_, sent_.size());
    out["name"] = spec_.name;
    return out;
}

}  // namespace warren::bench
