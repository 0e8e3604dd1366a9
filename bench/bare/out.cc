#include "bench/bare/out.h"

#include <netinet/udp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "vpnd/packet/checksum.h"
#include "vpnd/packet/offload_header.h"

namespace warren::bench {

using dataplane::OffloadHeader;

void BareOut::run() {
    for (std::size_t i = 0; i < kReads; ++i) {
        const ssize_t size = ::read(tun_, packet_.data(), packet_.size());
        if (size <= 0) return;
        BareSession* const session = sessions_.newest();
        if (session == nullptr || static_cast<std::size_t>(size) < dataplane::kOffloadHeaderSize + kIpHeader) continue;
        take(MutableBytes(packet_).first(static_cast<std::size_t>(size)), *session);
    }
}

void BareOut::take(MutableBytes super_packet, BareSession& session) {
    const OffloadHeader offload = OffloadHeader::decode(super_packet);
    const MutableBytes packet = super_packet.subspan(dataplane::kOffloadHeaderSize);
    const bool is_super = (offload.gso_type & ~OffloadHeader::kGsoEcn) == static_cast<int>(dataplane::GsoType::kTcpV4);
    if (is_super && is_tcp(packet.data())) {
        const std::size_t headers = headers_of(packet.data());
        const std::size_t all = packet.size() - headers;
        for (std::size_t number = 0; number * offload.gso_size < all; ++number) {
            const std::size_t size = headers + std::min<std::size_t>(offload.gso_size, all - number * offload.gso_size);
            write_segment(packet.data(), number, offload.gso_size, all, append(size, session));
        }
    } else {
        std::uint8_t* const to = append(packet.size(), session);
        std::copy(packet.begin(), packet.end(), to);
        if ((offload.flags & OffloadHeader::kNeedsChecksum) != 0) {
            const Bytes summed = packet.subspan(offload.checksum_start);
            store_le(to + offload.checksum_start + offload.checksum_offset,
                     dataplane::checksum_finish(dataplane::checksum_sum(summed)));
        }
    }
    send(session);
}

// WireGuard pads to multiples of 16, but not beyond the MTU (whitepaper §5.4.6).
std::uint8_t* BareOut::append(std::size_t size, BareSession& session) {
    const std::size_t padded = std::max(size, std::min((size + 15) / 16 * 16, kTunnelMtu));
    if (count_ == jobs_.size() || filled_ + padded + kMessageOverhead > kTrainMaximum) send(session);
    if (count_ == 0) stride_ = padded + kMessageOverhead;
    std::uint8_t* const message = &train_[filled_];
    store_le(message, kDataType);
    store_le(message + 4, session.remote_id);
    store_le(message + 8, session.counter);
    std::uint8_t* const text = message + kMessageHeader;
    std::fill(text + size, text + padded, std::uint8_t{0});
    crypto::AeadJob& job = jobs_[count_++];
    job.key = &session.send_key;
    job.iv = session.counter++;
    job.text = text;
    job.size = static_cast<std::uint32_t>(padded);
    filled_ += padded + kMessageOverhead;
    return text;
}

void BareOut::write_segment(const std::uint8_t* packet, std::size_t number, std::size_t payload, std::size_t all,
                            std::uint8_t* to) const {
    const std::size_t headers = headers_of(packet);
    const std::size_t offset = number * payload;
    const std::size_t size = std::min(payload, all - offset);
    const bool is_last = offset + size == all;
    std::memcpy(to, packet, headers);
    store_be(to + 2, static_cast<std::uint16_t>(headers + size));
    store_be(to + 4, static_cast<std::uint16_t>(load_be<std::uint16_t>(packet + 4) + number));
    store_le<std::uint16_t>(to + 10, 0);
    store_le(to + 10, dataplane::checksum_finish(dataplane::checksum_sum({to, kIpHeader})));

    std::uint8_t* const tcp = to + kIpHeader;
    store_be(tcp + dataplane::kTcpSequence,
             load_be<std::uint32_t>(packet + kIpHeader + dataplane::kTcpSequence) + static_cast<std::uint32_t>(offset));
    if (!is_last) tcp[dataplane::kTcpFlags] &= static_cast<std::uint8_t>(~(dataplane::kTcpFin | dataplane::kTcpPush));
    store_le<std::uint16_t>(tcp + dataplane::kTcpChecksum, 0);
    const dataplane::ChecksumSum sum =
        dataplane::checksum_pseudo_header({to + 12, 8}, kTcpProtocol, headers - kIpHeader + size) +
        dataplane::checksum_sum({tcp, headers - kIpHeader}) +
        dataplane::checksum_copy(to + headers, {packet + headers + offset, size});
    store_le(tcp + dataplane::kTcpChecksum, dataplane::checksum_finish(sum));
}

void BareOut::send(const BareSession& session) {
    if (count_ == 0) return;
    aead_.seal(std::span(jobs_).first(count_));
    iovec part{train_.data(), filled_};
    sockaddr_in remote = session.remote;
    msghdr message{};
    message.msg_name = &remote;
    message.msg_namelen = sizeof remote;
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    alignas(cmsghdr) std::array<unsigned char, CMSG_SPACE(sizeof(std::uint16_t))> control{};
    if (count_ > 1) {
        message.msg_control = control.data();
        message.msg_controllen = control.size();
        cmsghdr* const about = CMSG_FIRSTHDR(&message);
        about->cmsg_level = IPPROTO_UDP;
        about->cmsg_type = UDP_SEGMENT;
        about->cmsg_len = CMSG_LEN(sizeof(std::uint16_t));
        const auto segment = static_cast<std::uint16_t>(stride_);
        std::memcpy(CMSG_DATA(about), &segment, sizeof segment);
    }
    // What the socket refuses is lost, and is missed at the far end.
    (void)::sendmsg(udp_, &message, 0);
    count_ = 0;
    filled_ = 0;
}

}  // namespace warren::bench
