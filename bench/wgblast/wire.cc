#include "bench/wgblast/wire.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace warren::bench {

namespace {

constexpr int kSocketBuffer = 16 << 20;

sockaddr_in address_of(const IpAddress& address, std::uint16_t port, std::uint32_t plus = 0) {
    sockaddr_in out{};
    out.sin_family = AF_INET;
    out.sin_port = htons(port);
    out.sin_addr.s_addr = htonl(load_be<std::uint32_t>(address.octets.data()) + plus);
    return out;
}

Result<UniqueFd> open_socket(const sockaddr_in& source, const sockaddr_in& hub) {
    UniqueFd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!fd.valid()) return fail_errno("socket", errno);
    const int on = 1;
    ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUFFORCE, &kSocketBuffer, sizeof kSocketBuffer);
    ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDBUFFORCE, &kSocketBuffer, sizeof kSocketBuffer);
    if (::setsockopt(fd.get(), SOL_UDP, UDP_GRO, &on, sizeof on) != 0) return fail_errno("UDP_GRO", errno);
    if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&source), sizeof source) != 0)
        return fail_errno("bind", errno);
    if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&hub), sizeof hub) != 0)
        return fail_errno("connect", errno);
    return fd;
}

std::size_t segment_size_of(const msghdr& header, std::size_t whole) {
    for (cmsghdr* one = CMSG_FIRSTHDR(&header); one != nullptr; one = CMSG_NXTHDR(const_cast<msghdr*>(&header), one)) {
        if (one->cmsg_level != SOL_UDP || one->cmsg_type != UDP_GRO) continue;
        int size = 0;
        std::memcpy(&size, CMSG_DATA(one), sizeof size);
        return static_cast<std::size_t>(size);
    }
    return whole;
}

}  // namespace

Result<Wire> Wire::open(const Endpoint& hub, std::uint32_t count, const IpAddress& first_source,
                        std::uint32_t sources) {
    Wire wire;
    wire.epoll_ = UniqueFd(::epoll_create1(EPOLL_CLOEXEC));
    for (std::uint32_t i = 0; i < count; ++i) {
        auto fd = open_socket(address_of(first_source, 0, i % sources), address_of(hub.address, hub.port));
        if (!fd)
            return tl::unexpected(with_context("socket " + std::to_string(i) + " to the hub", std::move(fd.error())));
        epoll_event event{};
        event.events = EPOLLIN;
        event.data.fd = fd->get();
        if (::epoll_ctl(wire.epoll_.get(), EPOLL_CTL_ADD, fd->get(), &event) != 0)
            return fail_errno("epoll_ctl", errno);
        wire.sockets_.push_back(std::move(*fd));
    }
    return wire;
}

bool Wire::send(std::uint32_t socket, Bytes train, std::size_t segment_size) {
    iovec vector{const_cast<std::uint8_t*>(train.data()), train.size()};
    alignas(cmsghdr) std::array<std::uint8_t, CMSG_SPACE(sizeof(std::uint16_t))> control{};
    msghdr header{};
    header.msg_iov = &vector;
    header.msg_iovlen = 1;
    if (train.size() > segment_size) {
        header.msg_control = control.data();
        header.msg_controllen = control.size();
        cmsghdr* const one = CMSG_FIRSTHDR(&header);
        one->cmsg_level = SOL_UDP;
        one->cmsg_type = UDP_SEGMENT;
        one->cmsg_len = CMSG_LEN(sizeof(std::uint16_t));
        const auto size = static_cast<std::uint16_t>(segment_size);
        std::memcpy(CMSG_DATA(one), &size, sizeof size);
    }
    const int fd = sockets_[socket].get();
    // The first call may only return an error that the network reported about an earlier datagram.
    if (::sendmsg(fd, &header, MSG_DONTWAIT) >= 0 || ::sendmsg(fd, &header, MSG_DONTWAIT) >= 0) return true;
    ++refused_;
    return false;
}

void Wire::receive(const std::function<void(const Arrival&)>& take) {
    std::array<epoll_event, 64> ready{};
    const int count = ::epoll_wait(epoll_.get(), ready.data(), static_cast<int>(ready.size()), 0);
    for (int i = 0; i < count; ++i) drain(ready[static_cast<std::size_t>(i)].data.fd, take);
}

void Wire::drain(int fd, const std::function<void(const Arrival&)>& take) {
    struct Control {
        alignas(cmsghdr) std::array<std::uint8_t, 64> bytes;
    };
    std::array<mmsghdr, kMessages> messages{};
    std::array<iovec, kMessages> vectors{};
    std::array<Control, kMessages> controls;
    // The first buffer has room for a whole train if a sample is due.
    const bool sample = since_sample_ >= kSample;
    std::size_t offset = 0;
    for (std::size_t i = 0; i < kMessages; ++i) {
        const std::size_t room = i == 0 && sample ? kWhole : kHead;
        vectors[i] = {room_.data() + offset, room};
        offset += room;
        messages[i].msg_hdr.msg_iov = &vectors[i];
        messages[i].msg_hdr.msg_iovlen = 1;
        messages[i].msg_hdr.msg_control = controls[i].bytes.data();
        messages[i].msg_hdr.msg_controllen = controls[i].bytes.size();
    }
    const int got = ::recvmmsg(fd, messages.data(), kMessages, MSG_DONTWAIT | MSG_TRUNC, nullptr);
    for (std::size_t i = 0; i < static_cast<std::size_t>(std::max(got, 0)); ++i) {
        const std::size_t size = messages[i].msg_len;
        if (size == 0) continue;
        const auto* const bytes = static_cast<const std::uint8_t*>(vectors[i].iov_base);
        const Arrival arrival{{bytes, std::min(size, vectors[i].iov_len)},
                              size,
                              segment_size_of(messages[i].msg_hdr, size),
                              i == 0 && sample};
        since_sample_ = arrival.sample ? 0 : since_sample_ + arrival.count();
        take(arrival);
    }
}

}  // namespace warren::bench
