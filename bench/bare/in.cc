#include "bench/bare/in.h"

#include <netinet/udp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>

#include "vpnd/packet/checksum.h"
#include "vpnd/packet/offload_header.h"

namespace warren::bench {

using dataplane::OffloadHeader;

// --- Joining -------------------------------------------------------------------------------------

bool Joined::may_take(const std::uint8_t* packet, std::size_t size) const {
    if (closed_ || used_ == parts_.size() || total_ + size > UINT16_MAX || !is_tcp(packet)) return false;
    constexpr std::size_t kAddressesAndPorts = 12;
    return std::memcmp(packet + 12, first_ + 12, kAddressesAndPorts) == 0 && headers_of(packet) == headers_ &&
           size > headers_ && size - headers_ <= payload_ &&
           load_be<std::uint32_t>(packet + kIpHeader + dataplane::kTcpSequence) == next_sequence_;
}

void Joined::begin(std::uint8_t* packet, std::size_t size) {
    first_ = packet;
    total_ = size;
    parts_[1] = {packet, size};
    used_ = 2;
    closed_ = !is_tcp(packet) || size == headers_of(packet);
    if (closed_) return;
    headers_ = headers_of(packet);
    payload_ = size - headers_;
    next_sequence_ =
        load_be<std::uint32_t>(packet + kIpHeader + dataplane::kTcpSequence) + static_cast<std::uint32_t>(payload_);
}

void Joined::add(std::uint8_t* packet, std::size_t size) {
    if (!may_take(packet, size)) {
        finish();
        return begin(packet, size);
    }
    const std::size_t payload = size - headers_;
    parts_[used_++] = {packet + headers_, payload};
    total_ += payload;
    next_sequence_ += static_cast<std::uint32_t>(payload);
    closed_ = payload < payload_;
}

void Joined::finish() {
    if (first_ == nullptr) return;
    OffloadHeader offload;
    if (used_ > 2) {
        offload = {.flags = OffloadHeader::kNeedsChecksum,
                   .gso_type = static_cast<std::uint8_t>(dataplane::GsoType::kTcpV4),
                   .header_size = static_cast<std::uint16_t>(headers_),
                   .gso_size = static_cast<std::uint16_t>(payload_),
                   .checksum_start = kIpHeader,
                   .checksum_offset = dataplane::kTcpChecksum};
        store_be(first_ + 2, static_cast<std::uint16_t>(total_));
        store_le<std::uint16_t>(first_ + 10, 0);
        store_le(first_ + 10, dataplane::checksum_finish(dataplane::checksum_sum({first_, kIpHeader})));
        const auto pseudo = dataplane::checksum_pseudo_header({first_ + 12, 8}, kTcpProtocol, total_ - kIpHeader);
        store_le(first_ + kIpHeader + dataplane::kTcpChecksum, dataplane::checksum_fold(pseudo));
    }
    auto header = offload.encode();
    parts_[0] = {header.data(), header.size()};
    // What the device refuses is lost, and is missed at the far end.
    [[maybe_unused]] const ssize_t written = ::writev(tun_, parts_.data(), static_cast<int>(used_));
    first_ = nullptr;
    closed_ = true;
}

// --- Receiving -----------------------------------------------------------------------------------

void BareIn::run() {
    struct Message {
        sockaddr_in from;
        iovec part;
        alignas(cmsghdr) std::array<unsigned char, 64> control;
    };
    std::array<Message, kMessages> messages;
    std::array<mmsghdr, kMessages> headers;
    const std::size_t each = room_.size() / kMessages;
    for (std::size_t round = 0; round < kRounds; ++round) {
        for (std::size_t i = 0; i < kMessages; ++i) {
            messages[i].part = {&room_[i * each], each};
            headers[i] = {};
            headers[i].msg_hdr.msg_name = &messages[i].from;
            headers[i].msg_hdr.msg_namelen = sizeof messages[i].from;
            headers[i].msg_hdr.msg_iov = &messages[i].part;
            headers[i].msg_hdr.msg_iovlen = 1;
            headers[i].msg_hdr.msg_control = messages[i].control.data();
            headers[i].msg_hdr.msg_controllen = messages[i].control.size();
        }
        const int received = ::recvmmsg(udp_, headers.data(), kMessages, MSG_DONTWAIT, nullptr);
        for (std::size_t i = 0; static_cast<int>(i) < received; ++i) {
            int stride = static_cast<int>(headers[i].msg_len);
            msghdr& header = headers[i].msg_hdr;
            for (cmsghdr* about = CMSG_FIRSTHDR(&header); about != nullptr; about = CMSG_NXTHDR(&header, about)) {
                if (about->cmsg_level == IPPROTO_UDP && about->cmsg_type == UDP_GRO)
                    std::memcpy(&stride, CMSG_DATA(about), sizeof stride);
            }
            if (stride > 0)
                take({&room_[i * each], headers[i].msg_len}, static_cast<std::size_t>(stride), messages[i].from);
        }
        if (received < static_cast<int>(kMessages)) return;
    }
}

void BareIn::take(MutableBytes train, std::size_t stride, const sockaddr_in& from) {
    for (; !train.empty(); train = train.subspan(std::min(stride, train.size()))) {
        const MutableBytes datagram = train.first(std::min(stride, train.size()));
        if (datagram.size() < kMessageOverhead) continue;
        if (load_le<std::uint32_t>(datagram.data()) != kDataType) {
            const auto response = sessions_.answer(datagram, from);
            if (!response) continue;
            // If it is lost, the peer begins again.
            (void)::sendto(udp_, response->data(), response->size(), 0, reinterpret_cast<const sockaddr*>(&from),
                           sizeof from);
            continue;
        }
        const BareSession* const session = sessions_.find(load_le<std::uint32_t>(datagram.data() + 4));
        if (session == nullptr) continue;
        crypto::AeadJob& job = jobs_[count_++];
        job.key = &session->receive_key;
        job.iv = load_le<std::uint64_t>(datagram.data() + 8);
        job.text = datagram.data() + kMessageHeader;
        job.size = static_cast<std::uint32_t>(datagram.size() - kMessageOverhead);
        if (count_ == jobs_.size()) open_and_write();
    }
    open_and_write();
}

void BareIn::open_and_write() {
    aead_.open(std::span(jobs_).first(count_));
    for (const crypto::AeadJob& job : std::span(jobs_).first(count_)) {
        if (!job.authentic || job.size < kIpHeader + dataplane::kTcpHeaderMinimum) continue;
        const std::size_t size = load_be<std::uint16_t>(job.text + 2);
        if (size <= job.size && (!is_tcp(job.text) || headers_of(job.text) <= size)) joined_.add(job.text, size);
    }
    joined_.finish();
    count_ = 0;
}

}  // namespace warren::bench
