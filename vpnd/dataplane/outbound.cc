// Stack to network, in the order a packet meets it.
#include "base/check.h"
#include "vpnd/dataplane/pipeline.h"
#include "vpnd/dataplane/wg_transport.h"
#include "vpnd/packet/ecn.h"
#include "vpnd/packet/segment.h"

namespace warren::dataplane {

namespace {
// So that one customer cannot fill the memory with packets for absent peers, and all together neither.
constexpr std::size_t kStagedBytesPerCustomer = std::size_t{4} << 20;
constexpr std::size_t kStagedBytesInAll = std::size_t{64} << 20;
}  // namespace

void Pipeline::outbound(Instant now, CustomerIndex index, MutableBytes super_packet, Output& out) {
    Customer* const customer = find(index);
    WARREN_CHECK(customer != nullptr);  // a TUN comes with its customer and goes with him
    if (customer->view->suspended) return customer->drops.add(DropReason::kCustomerSuspended);
    const auto packet = SuperPacket::parse(super_packet);
    if (!packet) return customer->drops.add(packet.error());

    const PeerIndex* const owner = customer->view->allowed_ips.find(packet->inner().destination());
    Peer* const peer = owner == nullptr ? nullptr : find(*owner);
    if (peer == nullptr && owner != nullptr) {
        const auto elsewhere = customer->view->elsewhere.find(*owner);
        if (elsewhere != customer->view->elsewhere.end()) {
            Transfer& given = out.transfers.emplace_back(Transfer{elsewhere->second, index, {}});
            given.train.bytes = super_packet;
            given.life = customer->view->life;
            return;
        }
    }
    if (peer == nullptr) {
        customer->drops.add(DropReason::kNoPeerForDestination, packet->count());
        return refuse(now, IcmpError::kNoPeer, packet->inner(), *customer, 0, out);
    }
    if (!peer->has_endpoint) {
        customer->drops.add(DropReason::kNoEndpoint, packet->count());
        return refuse(now, IcmpError::kNoEndpoint, packet->inner(), *customer, 0, out);
    }
    if (packet->largest() > kInnerMaximum) {
        customer->drops.add(DropReason::kPacketTooBig, packet->count());
        return refuse(now, IcmpError::kTooBig, packet->inner(), *customer, kInnerMaximum, out);
    }
    if (peer->sending == nullptr || !peer->sending->can_send(now, packet->count())) {
        stage(*packet, *peer, *customer);
        ask_for_session(now, *peer, out);
        return;
    }
    send(now, *packet, *peer, *customer, out);
}

void Pipeline::send(Instant now, const SuperPacket& packet, Peer& peer, Customer& customer, Output& out) {
    const CustomerView& view = *customer.view;
    const std::uint8_t traffic_class = encapsulated_traffic_class(packet.inner().traffic_class());
    std::size_t sent = 0;
    for (; sent < packet.count(); ++sent) {
        const std::size_t size = packet.size_of(sent);
        const std::size_t padded = padded_size(size, view.mtu);
        if (!customer.down.pass(now, padded + kTransportOverhead)) {
            customer.drops.add(DropReason::kRateDownExceeded, packet.count() - sent);
            break;
        }
        std::uint8_t* const text = egress_.append(now, peer, view, traffic_class, padded, out);
        if (text == nullptr) {
            customer.drops.add(DropReason::kBuffersExhausted, packet.count() - sent);
            break;
        }
        packet.write(sent, text);
        std::memset(text + size, 0, padded - size);
        count_sent(peer, customer, padded + kTransportOverhead);
    }
    if (sent == 0) return;
    note_sent(now, peer, true);
    if (peer.sending->should_renew_after_sending(now)) ask_for_session(now, peer, out);
}

void Pipeline::count_sent(Peer& peer, Customer& customer, std::size_t size) {
    peer.traffic.tx_packets += 1;
    peer.traffic.tx_bytes += size;
    customer.meters.down.packets += 1;
    customer.meters.down.bytes += size;
}

void Pipeline::note_sent(Instant now, Peer& peer, bool has_data) {
    PeerActivity& activity = peer.activity;
    activity.last_sent = now;
    activity.first_unanswered_data_received = kLongAgo;
    if (has_data) {
        activity.last_data_sent = now;
        if (activity.first_unanswered_data_sent == kLongAgo) activity.first_unanswered_data_sent = now;
    }
    peer.activity_changed = true;
    mark_dirty(now, peer);
}

// Copies the packets to wait for a session; when there are too many, the peer's oldest go.
void Pipeline::stage(const SuperPacket& packet, Peer& peer, Customer& customer) {
    if (peer.staged == nullptr) {
        // The queue itself counts too: packets for very many absent peers would fill the memory with empty ones.
        const std::size_t more = kStagedQueueBytes + packet.size_of(0);
        if (customer.staged_bytes + more > kStagedBytesPerCustomer || staged_bytes_ + more > kStagedBytesInAll) {
            return customer.drops.add(DropReason::kStagedOverflow, packet.count());
        }
        peer.staged = std::make_unique<BoundedQueue<StagedPacket>>(kStagedPackets);
        staged_bytes_ += kStagedQueueBytes;
        customer.staged_bytes += kStagedQueueBytes;
    }
    const auto drop_oldest = [&] {
        const auto oldest = peer.staged->pop();
        staged_bytes_ -= oldest->size();
        customer.staged_bytes -= oldest->size();
        customer.drops.add(DropReason::kStagedOverflow);
    };
    for (std::size_t i = 0; i < packet.count(); ++i) {
        const std::size_t size = packet.size_of(i);
        const auto is_over = [&] {
            return peer.staged->full() || customer.staged_bytes + size > kStagedBytesPerCustomer ||
                   staged_bytes_ + size > kStagedBytesInAll;
        };
        while (is_over() && !peer.staged->empty()) drop_oldest();
        if (is_over()) {
            customer.drops.add(DropReason::kStagedOverflow);
            continue;
        }
        // Laid out like a read from a TUN, so that it is sent the same way later.
        StagedPacket copy(kOffloadHeaderSize + size);
        packet.write(i, copy.data() + kOffloadHeaderSize);
        staged_bytes_ += copy.size();
        customer.staged_bytes += copy.size();
        (void)peer.staged->push(std::move(copy));
    }
}

void Pipeline::flush_staged(Instant now, Peer& peer, Customer& customer, Output& out) {
    const std::unique_ptr<BoundedQueue<StagedPacket>> staged = std::move(peer.staged);
    if (staged == nullptr) return;
    staged_bytes_ -= kStagedQueueBytes;
    customer.staged_bytes -= kStagedQueueBytes;
    while (auto waiting = staged->pop()) {
        staged_bytes_ -= waiting->size();
        customer.staged_bytes -= waiting->size();
        const auto packet = SuperPacket::parse(*waiting);
        if (!packet) continue;  // it was parsed before it was staged
        send(now, *packet, peer, customer, out);
    }
}

void Pipeline::send_empty(Instant now, Peer& peer, Customer& customer, Output& out) {
    if (egress_.append(now, peer, *customer.view, 0, 0, out) == nullptr)
        return customer.drops.add(DropReason::kBuffersExhausted);
    count_sent(peer, customer, kTransportOverhead);
    note_sent(now, peer, false);
}

// Tells the sender in the stack, if he may be told (conformance D6).
void Pipeline::refuse(Instant now, IcmpError error, const InnerPacket& packet, Customer& customer, std::size_t mtu,
                      Output& out) {
    if (out.icmp_used == Output::kIcmpSlots || !customer.icmp_errors.is_open(now)) return;
    if (error == IcmpError::kTooBig && !packet.dont_fragment()) return;
    IcmpPacket& icmp = out.icmp[out.icmp_used];
    if (!write_icmp_error(error, packet, *customer.view, mtu, icmp)) return;
    (void)customer.icmp_errors.take(now, kIcmpErrorRate);
    ++out.icmp_used;
    TunWrite& write = out.tun_writes.emplace_back();
    write.customer = customer.view->index;
    write.first.bytes = icmp.bytes();
}

}  // namespace warren::dataplane
