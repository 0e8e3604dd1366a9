// The packets of a customer that somebody watches (vpnd/io/tap.h). They take the same way through the pipeline, one at
// a time: so each datagram stands beside what was in it, and beside the counter that it raised.
#include <algorithm>
#include <functional>
#include <optional>
#include <string>

#include "vpnd/io/packet_loop.h"
#include "vpnd/packet/segment.h"

namespace warren::io {

namespace {

using Counts = DataPlaneDrops::Counts;

// Of the reasons first..last, the first that was counted meanwhile.
std::optional<DropReason> counted_since(const Counts& before, const DataPlaneDrops* now, DropReason first,
                                        DropReason last) {
    for (std::size_t i = index_of(first); now != nullptr && i <= index_of(last); ++i) {
        if (now->all()[i] != before[i]) return static_cast<DropReason>(i);
    }
    return std::nullopt;
}

// How many packets a test link lost meanwhile.
std::uint64_t lost_on_link(const Counts& before, const DataPlaneDrops* now) {
    std::uint64_t out = 0;
    for (const DropReason reason : {DropReason::kEmulatedLoss, DropReason::kEmulatedQueueFull}) {
        if (now != nullptr) out += now->all()[index_of(reason)] - before[index_of(reason)];
    }
    return out;
}

bool is_of_link(std::optional<DropReason> reason) {
    return reason == DropReason::kEmulatedLoss || reason == DropReason::kEmulatedQueueFull;
}

// The message was authentic when it was dropped for this reason, so what lies in its place is what was in it.
bool was_opened(DropReason reason) {
    switch (reason) {
        case DropReason::kInnerMalformed:
        case DropReason::kInnerJumbogram:
        case DropReason::kEcnCongestionLost:
        case DropReason::kSelectorMismatch:
        case DropReason::kSourceMartian:
        case DropReason::kSourceIsStack:
        case DropReason::kSourceNotAllowed:
        case DropReason::kEmulatedLoss:
        case DropReason::kEmulatedQueueFull:
        case DropReason::kTunWriteFailed:
        case DropReason::kStackParked: return true;
        default: return false;
    }
}

Counts counts_of(const DataPlaneDrops* drops) {
    return drops == nullptr ? Counts{} : drops->all();
}

// Messages of the peer that were authentic.
std::uint64_t received_of(const dataplane::TrafficCounters* traffic) {
    return traffic == nullptr ? 0 : traffic->rx_packets;
}

}  // namespace

bool PacketLoop::is_tap_shut() const {
    return now_ < tap_->shut_until;
}

void PacketLoop::receive_tapped(std::span<const dataplane::Train> trains) {
    for (const dataplane::Train& train : trains) {
        if (is_tap_shut()) {
            tap_->sink->lose(train.count());
            pipeline_.inbound(now_, std::span(&train, 1), out_);
            deliver(std::span(&train, 1));
            continue;
        }
        const std::size_t stride = train.stride();
        for (std::size_t at = 0; at < train.bytes.size(); at += stride) {
            dataplane::Train one = train;
            one.segment_size = 0;
            one.bytes = train.bytes.subspan(at, std::min(stride, train.bytes.size() - at));
            receive_tapped(one);
        }
    }
}

void PacketLoop::receive_tapped(const dataplane::Train& train) {
    const auto sender = pipeline_.sender_of(train.listener, train.bytes);
    const bool is_wanted = sender && tap_->wants(sender->peer);
    const CustomerIndex customer = tap_->customer;
    const Counts before = counts_of(pipeline_.drops(customer));
    const std::uint64_t received = is_wanted ? received_of(pipeline_.traffic(sender->peer)) : 0;
    if (is_wanted) tap_bytes_.assign(train.bytes.begin(), train.bytes.end());
    pipeline_.inbound(now_, std::span(&train, 1), out_);
    // It was opened in place; an ICMP error lies elsewhere.
    const auto is_in_place = [&train](Bytes packet) {
        return !std::less<>()(packet.data(), train.bytes.data()) &&
               std::less<>()(packet.data(), train.bytes.data() + train.bytes.size());
    };
    const auto its_write = std::find_if(
        out_.tun_writes.begin(), out_.tun_writes.end(),
        [&](const dataplane::TunWrite& write) { return write.customer == customer && is_in_place(write.first.bytes); });
    TapRecord record;
    const bool has_write = is_wanted && its_write != out_.tun_writes.end();
    if (has_write) record.inner = its_write->first.bytes;
    tell_sent();  // packets that waited for the session that this one confirmed
    deliver(std::span(&train, 1));
    if (!is_wanted) return;

    auto reason =
        counted_since(before, pipeline_.drops(customer), DropReason::kDatagramMalformed, DropReason::kStackParked);
    if (has_write && is_of_link(reason)) reason.reset();  // one was lost that had waited for this one's session
    // Else what lies in the place of its text is still sealed, whoever sent it.
    const bool is_authentic = received_of(pipeline_.traffic(sender->peer)) != received;
    const bool waits = is_authentic && !reason && record.inner.empty() && !sender->text.empty();
    if (is_authentic && record.inner.empty() && (waits || (reason && was_opened(*reason)))) {
        const auto at = static_cast<std::size_t>(sender->text.data() - train.bytes.data());
        const auto inner = dataplane::InnerPacket::parse(train.bytes.subspan(at, sender->text.size()));
        record.inner = inner ? Bytes(inner->bytes()) : sender->text;
    }
    record.is_drop = reason.has_value();
    record.note = reason                 ? name_of(*reason)
                  : waits                ? "waits for the rate or on the test link"
                  : sender->text.empty() ? "keepalive"
                  : record.inner.empty() ? "was not opened"
                                         : "";
    record.framing = pipeline_.framing_of(train.listener);
    record.head = sender->head;
    record.peer = tap_->name_of(sender->peer);
    record.remote = train.from;
    record.local = train.to;
    record.local_port = tap_->port_of(train.listener);
    record.traffic_class = train.traffic_class;
    record.outer = tap_bytes_;
    tap_->tell(now_, record);
}

// They never came to the pipeline.
void PacketLoop::tell_dropped(const dataplane::Train& train, DropReason reason) {
    if (is_tap_shut()) return tap_->sink->lose(train.count());
    const std::size_t stride = train.stride();
    for (std::size_t at = 0; at < train.bytes.size(); at += stride) {
        const Bytes datagram = train.bytes.subspan(at, std::min(stride, train.bytes.size() - at));
        const auto sender = pipeline_.sender_of(train.listener, datagram);
        if (!sender || !tap_->wants(sender->peer)) continue;
        TapRecord record;
        record.is_drop = true;
        record.note = name_of(reason);
        record.framing = pipeline_.framing_of(train.listener);
        record.head = sender->head;
        record.peer = tap_->name_of(sender->peer);
        record.remote = train.from;
        record.local = train.to;
        record.local_port = tap_->port_of(train.listener);
        record.outer = datagram;
        tap_->tell(now_, record);
    }
}

TapRecord PacketLoop::record_of(const dataplane::EgressTrain& train, Bytes datagram) const {
    TapRecord record;
    record.is_outbound = true;
    record.framing = pipeline_.framing_of(train.listener);
    if (record.framing != nullptr) record.framing->identify(datagram, datagram.size(), std::span(&record.head, 1));
    record.peer = tap_->name_of(train.peer);
    record.remote = train.remote;
    record.local = train.local;
    record.local_port = tap_->port_of(train.listener);
    record.traffic_class = train.traffic_class;
    record.outer = datagram;
    return record;
}

// Sealed datagrams whose packets were told before, or that have none.
void PacketLoop::tell_sent() {
    for (const dataplane::EgressTrain& train : out_.trains) {
        if (train.customer != tap_->customer || !tap_->wants(train.peer)) continue;
        if (is_tap_shut()) {
            tap_->sink->lose(train.count);
            continue;
        }
        for (std::size_t at = 0; at < train.size; at += train.segment_size) {
            const std::size_t size = std::min<std::size_t>(train.segment_size, train.size - at);
            TapRecord record = record_of(train, train.bytes().subspan(at, size));
            const bool is_empty = record.framing != nullptr && size <= record.framing->overhead;
            record.note = is_empty ? "keepalive" : "had waited";
            tap_->tell(now_, record);
        }
    }
}

// One read of the customer's TUN. What is another worker's is left in out_.transfers, and told there.
void PacketLoop::send_tapped(MutableBytes super_packet) {
    const CustomerIndex customer = tap_->customer;
    tap_bytes_.assign(super_packet.begin(), super_packet.end());
    const auto packet = dataplane::SuperPacket::parse(tap_bytes_);
    const std::size_t count = packet ? packet->count() : 1;
    const PeerIndex peer = packet ? pipeline_.peer_for(customer, packet->inner().destination()) : PeerIndex{};
    const bool is_told = tap_->wants(peer) && !is_tap_shut();
    if (tap_->wants(peer) && is_tap_shut()) tap_->sink->lose(count);
    const Counts before = counts_of(pipeline_.drops(customer));
    pipeline_.outbound(now_, customer, super_packet, out_);
    if (!out_.transfers.empty()) return;
    pipeline_.finish(out_);

    struct Sent {
        TapRecord record;
        std::vector<std::uint8_t> bytes;
    };
    std::vector<Sent> sent;  // the buffers of the trains go with them
    for (const dataplane::EgressTrain& train : out_.trains) {
        for (std::size_t at = 0; is_told && train.customer == customer && at < train.size; at += train.segment_size) {
            const Bytes one = train.bytes().subspan(at, std::min<std::size_t>(train.segment_size, train.size - at));
            sent.push_back({record_of(train, one), {one.begin(), one.end()}});
        }
    }
    std::vector<std::uint8_t> error;  // of ICMP, to the sender in the stack
    for (const dataplane::TunWrite& write : out_.tun_writes) {
        if (write.customer == customer) error.assign(write.first.bytes.begin(), write.first.bytes.end());
    }
    deliver({});
    if (!is_told) return;

    auto reason =
        counted_since(before, pipeline_.drops(customer), DropReason::kOffloadHeaderInvalid, DropReason::kUplinkRefused);
    for (const DropReason one : {DropReason::kCustomerSuspended, DropReason::kQuotaSpent, DropReason::kEmulatedLoss,
                                 DropReason::kEmulatedQueueFull}) {
        if (!reason) reason = counted_since(before, pipeline_.drops(customer), one, one);
    }
    // Which ones of a super-packet a test link lost is not known.
    const std::uint64_t lost = is_of_link(reason) ? lost_on_link(before, pipeline_.drops(customer)) : 0;
    if (lost < count && is_of_link(reason)) reason.reset();
    // These two drop the oldest that wait, and the last of the read wait now.
    const std::size_t staged = reason == DropReason::kStagedOverflow ? pipeline_.staged(peer) : 0;
    const std::string why_waits =
        reason     ? "waits; an older one was dropped: " + std::string(name_of(*reason))
        : lost > 0 ? "waits; the test link lost " + std::to_string(lost) + " of " + std::to_string(count)
                   : "waits";
    std::vector<std::uint8_t> segment;
    for (std::size_t i = 0; i < count; ++i) {
        TapRecord record;
        record.is_outbound = true;
        record.peer = tap_->name_of(peer);
        const bool is_sealed = i < sent.size();
        if (is_sealed) {
            record = sent[i].record;
            record.outer = sent[i].bytes;
        }
        const bool waits = is_sealed ? reason == DropReason::kUplinkFull : !reason || count - i <= staged;
        // Of a train that the kernel refused all are told as dropped.
        record.is_drop = reason && !waits && (!is_sealed || reason == DropReason::kUplinkRefused);
        if (record.is_drop) record.note = name_of(*reason);
        if (waits) record.note = why_waits;
        if (packet) {
            segment.resize(packet->size_of(i));
            packet->write(i, segment.data());
        } else {
            segment = tap_bytes_;
            segment.erase(segment.begin(), segment.begin() + static_cast<std::ptrdiff_t>(std::min(
                                                                 segment.size(), dataplane::kOffloadHeaderSize)));
        }
        record.inner = segment;
        tap_->tell(now_, record);
    }
    if (error.empty()) return;
    TapRecord record;
    record.note = "an error that vpnd answers with";
    record.peer = tap_->name_of(peer);
    record.inner = error;
    tap_->tell(now_, record);
}

}  // namespace warren::io
