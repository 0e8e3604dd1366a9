// Customers whose stacks are not always there: packets into a stack that is not wait for it, and a stack that no
// packet goes into or comes out of is given up.
#include <algorithm>
#include <utility>

#include "vpnd/io/packet_loop.h"

namespace warren::io {

namespace {

constexpr Duration kLookEvery = std::chrono::seconds(1);
// After it was said that no packet needs a TUN, and nobody closed it. Twice in vpnd::Parking::kIdleHolds.
constexpr Duration kSayAgain = std::chrono::seconds(2);

}  // namespace

void PacketLoop::note_parking(const dataplane::CustomerView& customer, bool has_new_tun) {
    Lane& its = lane(customer.index);
    its.park_after = customer.park_after;
    const bool has_tun = find_tun(customer.index) != nullptr;
    if (has_new_tun) its.used_at = now_;
    // What was let in before is not delivered to who may have nothing any more.
    if (customer.suspended || customer.is_blocked) {
        for (const dataplane::ParkedPackets::Packet& packet : parked_.take(customer.index))
            pipeline_.count_drop(customer.index, DropReason::kStackParked, packet.packets);
    }
    its.is_parked = !has_tun && (its.is_parked || its.park_after > Duration::zero());
    if (has_tun && its.park_after > Duration::zero()) {
        may_park_.insert(customer.index);
        park_look_at_ = std::min(park_look_at_, now_ + std::min(its.park_after, kLookEvery));
    } else {
        may_park_.erase(customer.index);
    }
}

void PacketLoop::park(CustomerIndex customer) {
    if (find_tun(customer) == nullptr) return;
    const Duration park_after = lane(customer).park_after;
    close_tun(customer);
    may_park_.erase(customer);
    lane(customer).park_after = park_after;
    lane(customer).is_parked = true;
    (void)pipeline_.set_joining(customer, dataplane::Joining());
    mailbox_.publish(TunClosed{customer});
}

void PacketLoop::forget_parked(CustomerIndex customer) {
    may_park_.erase(customer);
    (void)parked_.take(customer);  // nobody counts the drops of a customer that is gone
}

void PacketLoop::hold(const dataplane::TunWrite& write) {
    dataplane::ParkedPackets::Packet packet;
    packet.header = write.header;
    packet.packets = write.packets;
    packet.since = now_;
    for (const dataplane::Piece* piece = &write.first;; piece = &out_.pieces[piece->next]) {
        packet.bytes.insert(packet.bytes.end(), piece->bytes.begin(), piece->bytes.end());
        if (piece->next == dataplane::Piece::kLast) break;
    }
    parked_.push(write.customer, std::move(packet), not_held_);
    count_not_held();
    if (parked_.asks(write.customer, now_)) mailbox_.publish(TunMissed{write.customer});
}

void PacketLoop::deliver_held(CustomerIndex customer) {
    Tun* const tun = find_tun(customer);
    for (const dataplane::ParkedPackets::Packet& packet : parked_.take(customer)) {
        dataplane::TunWrite write;
        write.customer = customer;
        write.header = packet.header;
        write.first.bytes = packet.bytes;
        write.packets = packet.packets;
        (void)write_to(tun, write);
    }
}

void PacketLoop::count_not_held() {
    for (const auto& dropped : std::exchange(not_held_, {}))
        pipeline_.count_drop(dropped.customer, DropReason::kStackParked, dropped.packets);
}

Instant PacketLoop::next_of_parked() const {
    return std::min(may_park_.empty() ? kNever : park_look_at_, parked_.next_deadline());
}

void PacketLoop::look_at_parked() {
    if (now_ >= parked_.next_deadline()) {
        parked_.expire(now_, not_held_);
        count_not_held();
    }
    if (may_park_.empty() || now_ < park_look_at_) return;
    park_look_at_ = now_ + kLookEvery;
    for (const CustomerIndex customer : may_park_) {
        Lane& its = lane(customer);
        if (now_ < its.used_at + its.park_after) continue;
        mailbox_.publish(TunIdle{customer});
        its.used_at = now_ - its.park_after + std::min(its.park_after, kSayAgain);
    }
}

}  // namespace warren::io
