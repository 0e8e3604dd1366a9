#include "vpnd/listeners/message_socket.h"

#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "base/socket_address.h"

namespace warren::io {

namespace {

#ifndef UDP_GRO
constexpr int UDP_GRO = 104;  // linux/udp.h
#endif

// Room for the largest set of control messages that we read or write.
struct ControlSpace {
    alignas(cmsghdr) std::array<std::uint8_t, 256> bytes{};
};

template <typename T>
T read_as(const void* from) {
    T out;
    std::memcpy(&out, from, sizeof out);
    return out;
}

void read_control(msghdr& message, MessageTrain& train) {
    for (cmsghdr* control = CMSG_FIRSTHDR(&message); control != nullptr; control = CMSG_NXTHDR(&message, control)) {
        if (control->cmsg_level == IPPROTO_IP && control->cmsg_type == IP_PKTINFO) {
            const auto info = read_as<in_pktinfo>(CMSG_DATA(control));
            train.arrival.to.address.family = Family::kV4;
            std::memcpy(train.arrival.to.address.octets.data(), &info.ipi_spec_dst, sizeof info.ipi_spec_dst);
            train.arrival.to.interface_index = static_cast<std::uint32_t>(info.ipi_ifindex);
        } else if (control->cmsg_level == IPPROTO_IPV6 && control->cmsg_type == IPV6_PKTINFO) {
            const auto info = read_as<in6_pktinfo>(CMSG_DATA(control));
            train.arrival.to.address.family = Family::kV6;
            std::memcpy(train.arrival.to.address.octets.data(), &info.ipi6_addr, sizeof info.ipi6_addr);
            train.arrival.to.interface_index = info.ipi6_ifindex;
        } else if (control->cmsg_level == IPPROTO_UDP && control->cmsg_type == UDP_GRO) {
            const int size = read_as<int>(CMSG_DATA(control));
            if (size > 0) train.segment_size = static_cast<std::size_t>(size);
        }
    }
}

template <typename T>
void append_control(msghdr& message, int level, int type, const T& value) {
    auto* at = static_cast<std::uint8_t*>(message.msg_control) + message.msg_controllen;
    cmsghdr header{};
    header.cmsg_len = CMSG_LEN(sizeof value);
    header.cmsg_level = level;
    header.cmsg_type = type;
    std::memcpy(at, &header, sizeof header);
    std::memcpy(at + CMSG_LEN(0), &value, sizeof value);
    message.msg_controllen += CMSG_SPACE(sizeof value);
}

// Only the address is pinned: the route, and so the interface, stays the kernel's choice (netns.sh scenario 21).
void append_source(msghdr& message, const IpAddress& from) {
    if (from.is_unspecified()) return;
    if (from.is_v4()) {
        in_pktinfo info{};
        std::memcpy(&info.ipi_spec_dst, from.octets.data(), sizeof info.ipi_spec_dst);
        append_control(message, IPPROTO_IP, IP_PKTINFO, info);
        return;
    }
    in6_pktinfo info{};
    std::memcpy(&info.ipi6_addr, from.octets.data(), sizeof info.ipi6_addr);
    append_control(message, IPPROTO_IPV6, IPV6_PKTINFO, info);
}

struct Incoming {
    sockaddr_storage from{};
    iovec part{};
    ControlSpace control;

    void fill(msghdr& message, MutableBytes space) {
        part = {space.data(), space.size()};
        message.msg_name = &from;
        message.msg_namelen = sizeof from;
        message.msg_iov = &part;
        message.msg_iovlen = 1;
        message.msg_control = control.bytes.data();
        message.msg_controllen = control.bytes.size();
    }
};

struct Outgoing {
    sockaddr_storage to{};
    iovec part{};
    ControlSpace control;
    std::size_t without_source = 0;  // of the control messages

    void fill(msghdr& header, const control::OutgoingMessage& message) {
        part = {const_cast<std::uint8_t*>(message.bytes.data()), message.bytes.size()};  // sendmsg only reads it
        header.msg_name = &to;
        header.msg_namelen = fill_address(message.to, to);
        header.msg_iov = &part;
        header.msg_iovlen = 1;
        header.msg_control = control.bytes.data();
        const int traffic_class = message.traffic_class;
        const bool is_v4 = message.to.address.is_v4();
        append_control(header, is_v4 ? IPPROTO_IP : IPPROTO_IPV6, is_v4 ? IP_TOS : IPV6_TCLASS, traffic_class);
        without_source = header.msg_controllen;
        if (message.from.address.family == message.to.address.family) append_source(header, message.from.address);
    }
};

}  // namespace

Status MessageSocket::receive(MessageBatch& batch) {
    std::array<Incoming, MessageBatch::kMessages> incoming;
    std::array<mmsghdr, MessageBatch::kMessages> headers{};
    for (std::size_t i = 0; i < headers.size(); ++i) incoming[i].fill(headers[i].msg_hdr, batch.space(i));
    batch.count_ = 0;
    const int count = ::recvmmsg(socket_.get(), headers.data(), headers.size(), MSG_DONTWAIT, nullptr);
    if (count < 0) return fail_errno("receive", errno);

    batch.count_ = static_cast<std::size_t>(count);
    for (std::size_t i = 0; i < batch.count_; ++i) {
        MessageTrain& train = batch.trains_[i];
        const std::size_t size = headers[i].msg_len;
        train = {{endpoint_of(incoming[i].from), {}}, batch.space(i).first(size), size + 1};  // not a train
        read_control(headers[i].msg_hdr, train);
    }
    return {};
}

std::size_t MessageSocket::send(std::span<const control::OutgoingMessage> messages) {
    constexpr std::size_t kTogether = 8;
    std::array<Outgoing, kTogether> outgoing;
    std::array<mmsghdr, kTogether> headers;
    std::size_t sent = 0;
    while (!messages.empty()) {
        const auto part = messages.first(std::min(messages.size(), kTogether));
        messages = messages.subspan(part.size());
        headers = {};
        for (std::size_t i = 0; i < part.size(); ++i) {
            outgoing[i] = {};
            outgoing[i].fill(headers[i].msg_hdr, part[i]);
        }
        for (std::size_t at = 0; at < part.size();) {
            const auto left = static_cast<unsigned>(part.size() - at);
            const int count = ::sendmmsg(socket_.get(), &headers[at], left, MSG_DONTWAIT);
            if (count > 0) {
                sent += static_cast<std::size_t>(count);
                at += static_cast<std::size_t>(count);
                continue;
            }
            // The address that it arrived at may be gone since then.
            msghdr& header = headers[at].msg_hdr;
            const bool has_source = header.msg_controllen != outgoing[at].without_source && !part[at].pinned;
            header.msg_controllen = outgoing[at].without_source;
            if (errno != EAGAIN && has_source && ::sendmsg(socket_.get(), &header, MSG_DONTWAIT) >= 0) ++sent;
            ++at;
        }
    }
    return sent;
}

}  // namespace warren::io
