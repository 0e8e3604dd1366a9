#include "vpnd/io/udp_socket.h"

#include <netinet/in.h>
#include <netinet/udp.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/socket_address.h"

namespace warren::io {

namespace {

constexpr int kSocketBuffer = 8 << 20;  // bytes; the kernel takes net.core.rmem_max and wmem_max when they are less

Status set_option(int fd, int level, int name, int value, const char* what) {
    if (::setsockopt(fd, level, name, &value, sizeof value) == 0) return {};
    return fail_errno(what, errno);
}

// Setting what stackd set with privilege (SO_RCVBUFFORCE) again without would cut it down to net.core.rmem_max.
Status grow_buffer(int fd, int name, const char* what) {
    int size = 0;
    socklen_t length = sizeof size;
    if (::getsockopt(fd, SOL_SOCKET, name, &size, &length) == 0 && size >= kSocketBuffer) return {};
    return set_option(fd, SOL_SOCKET, name, kSocketBuffer, what);
}

template <typename T>
T read_as(const unsigned char* from) {
    T out;
    std::memcpy(&out, from, sizeof out);
    return out;
}

void read_control(msghdr& message, dataplane::Train& train) {
    for (cmsghdr* control = CMSG_FIRSTHDR(&message); control != nullptr; control = CMSG_NXTHDR(&message, control)) {
        const unsigned char* const value = CMSG_DATA(control);
        const int level = control->cmsg_level;
        const int type = control->cmsg_type;
        if (level == IPPROTO_IP && type == IP_PKTINFO) {
            const auto info = read_as<in_pktinfo>(value);
            train.to.address = IpAddress{Family::kV4, {}};
            std::memcpy(train.to.address.octets.data(), &info.ipi_spec_dst, sizeof info.ipi_spec_dst);
            train.to.interface_index = static_cast<std::uint32_t>(info.ipi_ifindex);
        } else if (level == IPPROTO_IPV6 && type == IPV6_PKTINFO) {
            const auto info = read_as<in6_pktinfo>(value);
            train.to.address = IpAddress{Family::kV6, {}};
            std::memcpy(train.to.address.octets.data(), &info.ipi6_addr, sizeof info.ipi6_addr);
            train.to.interface_index = info.ipi6_ifindex;
        } else if (level == IPPROTO_IP && type == IP_TOS) {
            train.traffic_class = *value;
        } else if (level == IPPROTO_IPV6 && type == IPV6_TCLASS) {
            train.traffic_class = static_cast<std::uint8_t>(read_as<int>(value));
        } else if (level == IPPROTO_UDP && type == UDP_GRO) {
            train.segment_size = static_cast<std::size_t>(std::max(read_as<int>(value), 0));
        }
    }
}

// One message to receive, with everything it points to but the bytes.
struct IncomingMessage {
    sockaddr_storage from;
    iovec part;
    alignas(cmsghdr) std::array<unsigned char, 256> control;

    void fill(msghdr& header, MutableBytes space) {
        part = {space.data(), space.size()};
        header = {};
        header.msg_name = &from;
        header.msg_namelen = sizeof from;
        header.msg_iov = &part;
        header.msg_iovlen = 1;
        header.msg_control = control.data();
        header.msg_controllen = control.size();
    }
};

// One message to send, with everything it points to.
struct OutgoingMessage {
    sockaddr_storage address;
    iovec part;
    alignas(cmsghdr) std::array<unsigned char, 128> control;

    template <typename T>
    void append(msghdr& header, int level, int type, const T& value) {
        cmsghdr description{};
        description.cmsg_len = CMSG_LEN(sizeof value);
        description.cmsg_level = level;
        description.cmsg_type = type;
        unsigned char* const at = control.data() + header.msg_controllen;
        std::memcpy(at, &description, sizeof description);
        std::memcpy(at + CMSG_LEN(0), &value, sizeof value);
        header.msg_controllen += CMSG_SPACE(sizeof value);
    }

    // Only the address is pinned; the interface stays the kernel's choice, so that a better route takes over.
    void append_local(msghdr& header, const IpAddress& local) {
        if (local.is_unspecified()) return;
        if (local.is_v4()) {
            in_pktinfo info{};
            std::memcpy(&info.ipi_spec_dst, local.octets.data(), sizeof info.ipi_spec_dst);
            return append(header, IPPROTO_IP, IP_PKTINFO, info);
        }
        in6_pktinfo info{};
        std::memcpy(&info.ipi6_addr, local.octets.data(), sizeof info.ipi6_addr);
        append(header, IPPROTO_IPV6, IPV6_PKTINFO, info);
    }

    // `bytes` are all of the train or one datagram of it.
    void fill(msghdr& header, const dataplane::EgressTrain& train, MutableBytes bytes, bool from_local) {
        header = {};
        part = {bytes.data(), bytes.size()};
        header.msg_name = &address;
        header.msg_namelen = fill_address(train.remote, address);
        header.msg_iov = &part;
        header.msg_iovlen = 1;
        header.msg_control = control.data();
        const bool is_v4 = train.remote.address.is_v4();
        if (from_local && train.local.address.family == train.remote.address.family)
            append_local(header, train.local.address);
        if (train.traffic_class != 0) {
            append(header, is_v4 ? IPPROTO_IP : IPPROTO_IPV6, is_v4 ? IP_TOS : IPV6_TCLASS, int{train.traffic_class});
        }
        if (bytes.size() > train.segment_size) {
            append(header, IPPROTO_UDP, UDP_SEGMENT, static_cast<std::uint16_t>(train.segment_size));
        }
        if (header.msg_controllen == 0) header.msg_control = nullptr;
    }
};

// Not ENOBUFS or ENOMEM: the socket does take more then, so to wait for it would be to try again and again.
bool is_full(int error) {
    return error == EAGAIN || error == EWOULDBLOCK;
}

}  // namespace

Status UdpSocket::prepare() {
    const int fd = fd_.get();
    const bool is_v4 = family_ == Family::kV4;
    WARREN_TRY(set_option(fd, IPPROTO_UDP, UDP_GRO, 1, "set UDP_GRO"));
    if (is_v4) {
        WARREN_TRY(set_option(fd, IPPROTO_IP, IP_PKTINFO, 1, "set IP_PKTINFO"));
        WARREN_TRY(set_option(fd, IPPROTO_IP, IP_RECVTOS, 1, "set IP_RECVTOS"));
        WARREN_TRY(set_option(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_OMIT, "set IP_MTU_DISCOVER"));
    } else {
        WARREN_TRY(set_option(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1, "set IPV6_RECVPKTINFO"));
        WARREN_TRY(set_option(fd, IPPROTO_IPV6, IPV6_RECVTCLASS, 1, "set IPV6_RECVTCLASS"));
        WARREN_TRY(set_option(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_OMIT, "set IPV6_MTU_DISCOVER"));
    }
    WARREN_TRY(grow_buffer(fd, SO_RCVBUF, "set SO_RCVBUF"));
    return grow_buffer(fd, SO_SNDBUF, "set SO_SNDBUF");
}

Received UdpSocket::receive(ReceiveBatch& into, ListenerIndex listener) {
    constexpr std::size_t kMessages = ReceiveBatch::kMessages;
    std::array<IncomingMessage, kMessages> messages;
    std::array<mmsghdr, kMessages> headers;
    into.begin();
    for (std::size_t i = 0; i < kMessages; ++i) messages[i].fill(headers[i].msg_hdr, into.space(i));
    const int count = ::recvmmsg(fd_.get(), headers.data(), kMessages, MSG_DONTWAIT, nullptr);
    Received out;
    if (count < 0) {
        out.more = errno != EAGAIN && errno != EWOULDBLOCK && errno != EBADF;  // a reported error was taken away
        return out;
    }
    for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
        msghdr& header = headers[i].msg_hdr;
        if ((header.msg_flags & MSG_TRUNC) != 0) {
            ++out.truncated;
            continue;
        }
        dataplane::Train& train = into.add(i, headers[i].msg_len);
        train.listener = listener;
        train.from = endpoint_of(messages[i].from);
        read_control(header, train);
    }
    out.trains = into.trains();
    out.more = static_cast<std::size_t>(count) == kMessages;
    return out;
}

std::size_t UdpSocket::send(std::span<dataplane::EgressTrain> trains, std::span<SendOutcome> outcomes) {
    constexpr std::size_t kMessages = 16;
    std::array<OutgoingMessage, kMessages> messages;
    std::array<mmsghdr, kMessages> headers;
    std::size_t done = 0;
    const auto goes_alone = [this](const dataplane::EgressTrain& train) {
        return train.count > 1 && (train.ungrouped || segmentation_is_off_ || train.gone > 0);
    };
    while (done < trains.size()) {
        if (goes_alone(trains[done])) {
            outcomes[done] = send_slowly(trains[done], 0);
            if (outcomes[done] == SendOutcome::kFull) return done;
            ++done;
            continue;
        }
        std::size_t used = 0;
        while (used < kMessages && done + used < trains.size()) {
            const dataplane::EgressTrain& train = trains[done + used];
            if (goes_alone(train)) break;
            messages[used].fill(headers[used].msg_hdr, train, train.bytes(), true);
            ++used;
        }
        const int sent = ::sendmmsg(fd_.get(), headers.data(), static_cast<unsigned>(used), MSG_DONTWAIT);
        if (sent > 0) {
            std::fill_n(outcomes.begin() + static_cast<std::ptrdiff_t>(done), sent, SendOutcome::kSent);
            done += static_cast<std::size_t>(sent);
            continue;
        }
        if (is_full(errno)) return done;
        outcomes[done] = send_slowly(trains[done], errno);
        if (outcomes[done] == SendOutcome::kFull) return done;
        ++done;
    }
    return done;
}

// `error` is what sending the whole train gave, 0 when that was not tried.
SendOutcome UdpSocket::send_slowly(dataplane::EgressTrain& train, int error) {
    if (error == EIO && train.count > 1) segmentation_is_off_ = true;  // no checksum offload on the way out (udp(7))
    const bool may_help = error == 0 || error == EINVAL || error == EMSGSIZE || error == EIO ||
                          error == EADDRNOTAVAIL || error == ENETUNREACH || error == EHOSTUNREACH;
    if (!may_help) return SendOutcome::kRefused;
    int alone = error;
    if (train.count > 1) {
        alone = send_one_by_one(train, true);
        // The limit of a path is learned only from a train that failed.
        if (alone == 0) return error == 0 && train.ungrouped ? SendOutcome::kSent : SendOutcome::kSentUngrouped;
    }
    if (is_full(alone)) return SendOutcome::kFull;
    if (train.local.address.is_unspecified() || train.pinned) return SendOutcome::kRefused;
    // The address it should leave from may be gone since then.
    alone = send_one_by_one(train, false);
    if (alone == 0) return SendOutcome::kSentFromElsewhere;
    return is_full(alone) ? SendOutcome::kFull : SendOutcome::kRefused;
}

// 0, or the errno of the first datagram that was not taken; those before it are gone, and are not sent again.
int UdpSocket::send_one_by_one(dataplane::EgressTrain& train, bool from_local) {
    const MutableBytes bytes = train.bytes();
    while (train.gone < bytes.size()) {
        const MutableBytes datagram =
            bytes.subspan(train.gone, std::min<std::size_t>(train.segment_size, bytes.size() - train.gone));
        OutgoingMessage message;
        msghdr header;
        message.fill(header, train, datagram, from_local);
        if (::sendmsg(fd_.get(), &header, MSG_DONTWAIT) < 0) return errno;
        train.gone += static_cast<std::uint32_t>(datagram.size());
    }
    return 0;
}

std::unique_ptr<Uplink> open_uplink(UniqueFd fd, Family family) {
    return fd.valid() ? std::make_unique<UdpSocket>(std::move(fd), family) : nullptr;
}

}  // namespace warren::io
