// Stack to network, in the order a packet meets it.
#include "vpnd/dataplane/outbound.h"

#include <algorithm>

#include "base/check.h"
#include "vpnd/packet/ecn.h"

namespace warren::dataplane {

namespace {
constexpr std::size_t kReleased = 64;  // packets at a time

// A fragment without ports goes where selectors let it, and no session can be asked for it (RFC 4301 §7).
bool is_carried_by_none(const SuperPacket& packet, Peer& peer) {
    if (!peer.has_selectors || !outbound_flow(packet.inner()).is_later_fragment) return false;
    bool has_session = false;
    peer.for_each_flow([&](const Flow& flow) { has_session = has_session || flow.sending != nullptr; });
    return has_session && peer.session_for(packet.inner()) == nullptr;
}
}  // namespace

// In the path of every packet, hence without a call.
template <Outbound::Rate rate>
[[gnu::always_inline]] inline void Outbound::send_or_stage(Instant now, const SuperPacket& packet, Peer& peer,
                                                           Customer& customer, Output& out) {
    Session* const session = peer.session_for(packet.inner());
    if (session != nullptr && session->can_send(now, packet.count()))
        return send<rate>(now, packet, peer, customer, *session, out);
    hold(now, packet, peer, customer, out);
}

void Outbound::process(Instant now, CustomerIndex index, MutableBytes super_packet, Output& out) {
    Customer* const customer = roster_.find(index);
    WARREN_CHECK(customer != nullptr);  // a TUN is opened and closed with its customer
    if (customer->view->suspended) return customer->drops.add(DropReason::kCustomerSuspended);
    const auto packet = SuperPacket::parse(super_packet);
    if (!packet) return customer->drops.add(packet.error());

    const PeerIndex* const owner = customer->peer_for(packet->inner().destination());
    Peer* const peer = owner == nullptr ? nullptr : roster_.find(*owner);
    if (peer == nullptr && owner != nullptr) {
        if (const auto elsewhere = customer->worker_of(*owner)) {
            Transfer& given = out.transfers.emplace_back(Transfer{*elsewhere, index, {}});
            given.train.bytes = super_packet;
            given.life = customer->view->life;
            return;
        }
    }
    if (peer == nullptr) {
        customer->drops.add(DropReason::kNoPeerForDestination, packet->count());
        return refuse(now, IcmpError::kNoPeer, packet->inner(), *customer, 0, out);
    }
    // A peer that asked for a session says with the first message on it where it is; until then packets wait.
    if (!peer->has_endpoint && (peer->flow.sending != nullptr || peer->flow.unconfirmed == nullptr)) {
        customer->drops.add(DropReason::kNoEndpoint, packet->count());
        return refuse(now, IcmpError::kNoEndpoint, packet->inner(), *customer, 0, out);
    }
    send_or_stage<Rate::kToCharge>(now, *packet, *peer, *customer, out);
}

// Customers with a rate have one queue, so the peer is this worker's; where it is may have changed meanwhile.
void Outbound::release(Instant now, Customer& customer, Output& out) {
    for (std::size_t i = 0; i < kReleased && available() > 0; ++i) {
        auto waiting = roster_.shaping.pop(now, customer, customer.outbound);
        if (!waiting) break;
        leave_rates(now, customer, std::move(*waiting), out);
    }
    std::size_t at = 0;
    for (; at < customer.waiting.size() && available() > 0; ++at) {
        PeerRates* const rates = customer.waiting[at];
        for (std::size_t i = 0; i < kReleased && available() > 0; ++i) {
            auto waiting = roster_.shaping.pop(now, customer, rates->outbound);
            if (!waiting) break;
            if (customer.outbound.pass(now, waiting->size)) {
                leave_rates(now, customer, std::move(*waiting), out);
            } else if (const auto packet = SuperPacket::parse(waiting->bytes)) {
                const std::uint32_t flow = hash_of(outbound_flow(packet->inner()));
                roster_.shaping.wait(customer, customer.outbound, flow, std::move(*waiting),
                                     DropReason::kRateDownExceeded);
            }
        }
    }
    // Those that were not reached come first the next time.
    std::rotate(customer.waiting.begin(), customer.waiting.begin() + static_cast<std::ptrdiff_t>(at),
                customer.waiting.end());
    for (std::size_t i = 0; customer.link != nullptr && i < kReleased && available() > 0; ++i) {
        auto held = roster_.shaping.pop(now, customer, customer.link->down);
        if (!held) break;
        release(now, customer, held->bytes, out);
    }
}

void Outbound::leave_rates(Instant now, Customer& customer, Shaper::Packet packet, Output& out) {
    if (customer.link == nullptr || customer.link->down.is_clear()) return release(now, customer, packet.bytes, out);
    roster_.shaping.hold(now, customer, customer.link->down, std::move(packet));
}

void Outbound::release(Instant now, Customer& customer, MutableBytes waited, Output& out) {
    const auto packet = SuperPacket::parse(waited);
    if (!packet) return;  // it was parsed before it waited
    const PeerIndex* const owner = customer.peer_for(packet->inner().destination());
    Peer* const peer = owner == nullptr ? nullptr : roster_.find(*owner);
    if (peer == nullptr || !peer->has_endpoint) return customer.drops.add(DropReason::kNoPeerForDestination);
    send_or_stage<Rate::kPaid>(now, *packet, *peer, customer, out);
}

// One test for all packets of a read: most customers' packets meet nothing of what is only for some.
template <Outbound::Rate rate>
void Outbound::send(Instant now, const SuperPacket& packet, Peer& peer, Customer& customer, Session& session,
                    Output& out) {
    const bool is_treated = rate == Rate::kToCharge ? customer.is_treated : peer.maps != nullptr;
    is_treated ? send_as<rate, true>(now, packet, peer, customer, session, out)
               : send_as<rate, false>(now, packet, peer, customer, session, out);
}

template <Outbound::Rate rate, bool is_treated>
void Outbound::send_as(Instant now, const SuperPacket& packet, Peer& peer, Customer& customer, Session& session,
                       Output& out) {
    const CustomerView& view = *customer.view;
    const Framing& framing = session.framing;
    std::size_t size = packet.largest();
    if (size > framing.inner_maximum) {
        customer.drops.add(DropReason::kPacketTooBig, packet.count());
        return refuse(now, IcmpError::kTooBig, packet.inner(), customer, framing.inner_maximum, out);
    }
    const std::uint8_t traffic_class = encapsulated_traffic_class(packet.inner().traffic_class(), session.copies_dscp);
    std::size_t padded = framing.padded_size(size, view.mtu);  // of all but a shorter last one
    std::size_t message = padded + framing.overhead;
    if (message * packet.count() > session.bytes_left()) return hold(now, packet, peer, customer, out);
    std::size_t bytes = 0;
    std::size_t sent = 0;
    for (; sent < packet.count(); ++sent) {
        if (sent > 0 && sent + 1 == packet.count()) {
            size = packet.size_of(sent);
            padded = framing.padded_size(size, view.mtu);
            message = padded + framing.overhead;
        }
        if constexpr (is_treated && rate == Rate::kToCharge) {
            if (!admit(now, packet, sent, size, peer, customer)) break;
        }
        std::uint8_t* const text = egress_.append(now, peer, session, traffic_class, padded, out);
        if (text == nullptr) {
            customer.drops.add(DropReason::kBuffersExhausted, packet.count() - sent);
            break;
        }
        packet.write(sent, text);
        if constexpr (is_treated) translate({text, size}, peer);
        framing.pad(text, size, padded);
        bytes += message;
    }
    if (sent == 0) return;
    count_sent(peer, customer, session, sent, bytes);
    note_sent(now, peer, true);
    if (session.should_renew_after_sending(now))
        (void)reports_.ask_for_session(now, peer, {peer.index, std::nullopt, session.local_id}, out);
}

// The last that becomes of a packet: whoever looks at it before sees what the stack sees.
void Outbound::translate(MutableBytes packet, const Peer& peer) {
    if (peer.maps == nullptr) return;
    if (const auto inner = InnerPacket::parse(packet)) translate_to_peer(*peer.maps, *inner);
}

// The one of number `at`, of this size: the peer's rate, then its customer's, then the test link. False: it and those
// behind it wait, or were dropped.
[[gnu::noinline]] bool Outbound::admit(Instant now, const SuperPacket& packet, std::size_t at, std::size_t size,
                                       const Peer& peer, Customer& customer) {
    PeerRates* const rates = peer.rates;
    if (customer.view->is_blocked || (rates != nullptr && rates->is_blocked)) {
        customer.drops.add(DropReason::kQuotaSpent, packet.count() - at);
        return false;
    }
    for (;;) {
        if (rates != nullptr && !rates->outbound.pass(now, size)) {
            wait(packet, at, customer, rates);
            return false;
        }
        if (!customer.outbound.pass(now, size)) {
            wait(packet, at, customer, nullptr);
            return false;
        }
        if (customer.link == nullptr || customer.link->down.is_clear()) return true;
        roster_.shaping.hold(now, customer, customer.link->down, copy_of(packet, at));
        if (++at == packet.count()) return false;
        size = packet.size_of(at);
    }
}

// Laid out like a read from a TUN, so that it is sent the same way later.
Shaper::Packet Outbound::copy_of(const SuperPacket& packet, std::size_t number) {
    const std::size_t size = packet.size_of(number);
    Shaper::Packet copy{{}, StagedPacket(kOffloadHeaderSize + size), size};
    packet.write(number, copy.bytes.data() + kOffloadHeaderSize);
    return copy;
}

// Those from number `first` on, for `rates`, or the customer's rate where that is null.
void Outbound::wait(const SuperPacket& packet, std::size_t first, Customer& customer, PeerRates* rates) {
    const std::uint32_t flow = hash_of(outbound_flow(packet.inner()));
    for (std::size_t i = first; i < packet.count(); ++i) {
        Shaper::Packet copy = copy_of(packet, i);
        if (rates != nullptr) {
            roster_.shaping.wait(customer, *rates, rates->outbound, flow, std::move(copy),
                                 DropReason::kPeerRateDownExceeded);
        } else {
            roster_.shaping.wait(customer, customer.outbound, flow, std::move(copy), DropReason::kRateDownExceeded);
        }
    }
}

void Outbound::count_sent(Peer& peer, Customer& customer, Session& session, std::size_t messages, std::size_t bytes) {
    session.bytes_sent += bytes;
    peer.traffic.tx_packets += messages;
    peer.traffic.tx_bytes += bytes;
    customer.meters.outbound.packets += messages;
    customer.meters.outbound.bytes += bytes;
}

void Outbound::note_sent(Instant now, Peer& peer, bool has_data) {
    PeerActivity& activity = peer.activity;
    activity.last_sent = now;
    activity.first_unanswered_data_received = kLongAgo;
    if (has_data) {
        activity.last_data_sent = now;
        if (activity.first_unanswered_data_sent == kLongAgo) activity.first_unanswered_data_sent = now;
    }
    peer.activity_changed = true;
    reports_.mark(now, peer);
}

// No session carries it now: it waits for one, unless there can be none.
[[gnu::noinline]] void Outbound::hold(Instant now, const SuperPacket& packet, Peer& peer, Customer& customer,
                                      Output& out) {
    if (is_carried_by_none(packet, peer)) return customer.drops.add(DropReason::kNoChildForPacket, packet.count());
    stage(packet, peer, customer);
    (void)reports_.ask_for_session(now, peer, {peer.index, outbound_flow(packet.inner())}, out);
}

// Copies the packets to wait for a session; when there are too many, the peer's oldest go.
void Outbound::stage(const SuperPacket& packet, Peer& peer, Customer& customer) {
    if (peer.staged == nullptr) {
        // The queue itself counts too: packets for very many absent peers would fill the memory with empty ones.
        if (!roster_.has_room_to_stage(customer, kStagedQueueBytes + packet.size_of(0))) {
            return customer.drops.add(DropReason::kStagedOverflow, packet.count());
        }
        peer.staged = std::make_unique<BoundedQueue<StagedPacket>>(kStagedPackets);
        roster_.add_staged(customer, kStagedQueueBytes);
    }
    const auto drop_oldest = [&] {
        const auto oldest = peer.staged->pop();
        roster_.remove_staged(customer, oldest->size());
        customer.drops.add(DropReason::kStagedOverflow);
    };
    for (std::size_t i = 0; i < packet.count(); ++i) {
        const std::size_t size = packet.size_of(i);
        const auto is_over = [&] { return peer.staged->full() || !roster_.has_room_to_stage(customer, size); };
        while (is_over() && !peer.staged->empty()) drop_oldest();
        if (is_over()) {
            customer.drops.add(DropReason::kStagedOverflow);
            continue;
        }
        // Laid out like a read from a TUN, so that it is sent the same way later.
        StagedPacket copy(kOffloadHeaderSize + size);
        packet.write(i, copy.data() + kOffloadHeaderSize);
        roster_.add_staged(customer, copy.size());
        (void)peer.staged->push(std::move(copy));
    }
}

void Outbound::flush_staged(Instant now, Peer& peer, Customer& customer, Output& out) {
    const std::unique_ptr<BoundedQueue<StagedPacket>> staged = std::move(peer.staged);
    if (staged == nullptr) return;
    roster_.remove_staged(customer, kStagedQueueBytes);
    while (auto waiting = staged->pop()) {
        roster_.remove_staged(customer, waiting->size());
        const auto packet = SuperPacket::parse(*waiting);
        if (!packet) continue;  // it was parsed before it was staged
        Session* const session = peer.session_for(packet->inner());
        if (session != nullptr && session->can_send(now, 1)) {
            send<Rate::kToCharge>(now, *packet, peer, customer, *session, out);
        } else if (is_carried_by_none(*packet, peer)) {
            customer.drops.add(DropReason::kNoChildForPacket);
        } else {
            stage(*packet, peer, customer);
        }
    }
}

void Outbound::send_empty(Instant now, Peer& peer, Customer& customer, Session& session, Output& out) {
    if (!session.framing.has_empty_messages) return;
    const std::size_t padded = session.framing.padded_size(0, customer.view->mtu);
    if (padded + session.framing.overhead > session.bytes_left()) return;
    std::uint8_t* const text = egress_.append(now, peer, session, 0, padded, out);
    if (text == nullptr) return customer.drops.add(DropReason::kBuffersExhausted);
    session.framing.pad(text, 0, padded);
    count_sent(peer, customer, session, 1, padded + session.framing.overhead);
    note_sent(now, peer, false);
}

// Tells the sender in the stack, if it may be told (conformance D6).
void Outbound::refuse(Instant now, IcmpError error, const InnerPacket& packet, Customer& customer, std::size_t mtu,
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
