#include "bench/wgblast/flood.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <nlohmann/json.hpp>

#include "bench/wgblast/clock.h"

namespace warren::bench {

Result<std::unique_ptr<Flood>> Flood::create(FloodSpec spec, Crowd& crowd, const Endpoint& hub,
                                             const crypto::PublicKey& hub_key, Instant start) {
    UniqueFd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd.valid()) return fail_errno("flood socket", errno);
    // Answers are not needed: they fill a small buffer and are dropped there.
    const int small = 1;
    const int large = 16 << 20;
    ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDBUFFORCE, &large, sizeof large);
    std::unique_ptr<Flood> flood(new Flood(std::move(spec), crowd, hub, std::move(fd), start));
    flood->mac1_key_ = wireguard::mac1_key_of(hub_key);
    return flood;
}

Flood::Flood(FloodSpec spec, Crowd& crowd, const Endpoint& hub, UniqueFd fd, Instant start)
    : spec_(std::move(spec)),
      crowd_(crowd),
      hub_(hub),
      fd_(std::move(fd)),
      pace_(start, spec_.rate),
      messages_(kBatch) {
    if (spec_.kind == FloodKind::kIkeSaInits) {
        for (auto& message : messages_) message = crowd_.client(spec_.victim).handshake->begin({}, 0);
        return;
    }
    const bool is_data = spec_.kind == FloodKind::kForgedData;
    crypto::SystemRandom random;
    for (auto& message : messages_) {
        message.resize(is_data ? message_size(crowd_.protocol(), spec_.size) : wireguard::kInitiationSize);
        random.fill(message);
    }
}

// Changes the message, so that it is a new one.
void Flood::refresh(std::vector<std::uint8_t>& message) {
    ++number_;
    if (spec_.kind == FloodKind::kForgedData) {
        const Session& session = crowd_.client(spec_.victim).session;
        write_header(crowd_.protocol(), session, session.counter + number_ % 1000, message.data());
        return;
    }
    if (spec_.kind == FloodKind::kIkeSaInits) return store_be(message.data() + 4, number_);  // behind the marker
    store_le(message.data(), static_cast<std::uint32_t>(wireguard::MessageType::kInitiation));
    store_le(message.data() + 8, number_);  // in the ephemeral key
    if (spec_.kind == FloodKind::kBadMac1) return;
    const wireguard::Mac mac1 = crypto::blake2s_mac(mac1_key_, {wireguard::before_mac1(message)});
    std::copy(mac1.begin(), mac1.end(), message.end() - 2 * mac1.size());
    if (spec_.kind == FloodKind::kInitiations) std::fill(message.end() - mac1.size(), message.end(), 0);
}

void Flood::step(Instant now) {
    // In bursts, like a card under load, which delivers all datagrams since its last poll without an interrupt for
    // each.
    const std::size_t due = kBatch;
    if (pace_.due(sent_ + due - 1) > now) return;
    worst_lag_ = std::max(worst_lag_, now - pace_.due(sent_));
    struct Control {
        alignas(cmsghdr) std::array<std::uint8_t, CMSG_SPACE(sizeof(in_pktinfo))> bytes;
    };
    std::array<mmsghdr, kBatch> headers{};
    std::array<iovec, kBatch> vectors{};
    std::array<Control, kBatch> controls{};
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(spec_.port != 0 ? spec_.port : hub_.port);
    std::memcpy(&to.sin_addr, hub_.address.octets.data(), sizeof to.sin_addr);
    const std::uint32_t first = load_be<std::uint32_t>(spec_.first_source.octets.data());
    for (std::size_t i = 0; i < due; ++i) {
        refresh(messages_[i]);
        vectors[i] = {messages_[i].data(), messages_[i].size()};
        msghdr& header = headers[i].msg_hdr;
        header.msg_name = &to;
        header.msg_namelen = sizeof to;
        header.msg_iov = &vectors[i];
        header.msg_iovlen = 1;
        header.msg_control = controls[i].bytes.data();
        header.msg_controllen = controls[i].bytes.size();
        cmsghdr* const one = CMSG_FIRSTHDR(&header);
        one->cmsg_level = IPPROTO_IP;
        one->cmsg_type = IP_PKTINFO;
        one->cmsg_len = CMSG_LEN(sizeof(in_pktinfo));
        in_pktinfo from{};
        // A walk over all of them in mixed order.
        from.ipi_spec_dst.s_addr = htonl(first + static_cast<std::uint32_t>((sent_ + i) * 40'503 % spec_.sources));
        std::memcpy(CMSG_DATA(one), &from, sizeof from);
    }
    const int gone = ::sendmmsg(fd_.get(), headers.data(), static_cast<unsigned>(due), MSG_DONTWAIT);
    if (gone > 0) sent_ += static_cast<std::uint64_t>(gone);
}

nlohmann::json Flood::result() const {
    return {{"name", spec_.name}, {"sent", sent_}, {"worst_lag_us", to_microseconds(worst_lag_)}};
}

}  // namespace warren::bench
