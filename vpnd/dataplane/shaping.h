// Which customers have packets that wait for their rate, and when the next of them may go.
#pragma once

#include <optional>
#include <queue>
#include <vector>

#include "vpnd/dataplane/peer.h"

namespace warren::dataplane {

// One data worker.
class Shaping {
  public:
    // The packet waits, or is dropped and counted with `reason` when there is no room.
    void wait(Customer& customer, Shaper& shaper, std::uint32_t flow, Shaper::Packet packet, DropReason reason) {
        if (!shaper.has_room(flow, packet.bytes.size(), memory_)) return customer.drops.add(reason);
        shaper.push(flow, std::move(packet), memory_);
        arm(customer);
    }
    [[nodiscard]] std::optional<Shaper::Packet> pop(Instant now, Shaper& shaper) { return shaper.pop(now, memory_); }
    // Looks anew at when the customer's next packet may go. To be called after some were popped.
    void arm(Customer& customer) {
        const Instant due = std::min(customer.inbound.next_due(), customer.outbound.next_due());
        if (customer.is_armed || due == kNever) return;
        customer.is_armed = true;
        due_.push({due, customer.view->index});
    }
    // A customer some of whose packets may go; it may be gone, or have none. It is for the caller to pop and arm again.
    [[nodiscard]] std::optional<CustomerIndex> next_due(Instant now) {
        if (due_.empty() || now < due_.top().at) return std::nullopt;
        const CustomerIndex customer = due_.top().customer;
        due_.pop();
        return customer;
    }
    // kNever when no packet waits.
    [[nodiscard]] Instant next_deadline() const { return due_.empty() ? kNever : due_.top().at; }
    // What waits is dropped and counted.
    void drop(Customer& customer, DropReason reason) {
        customer.drops.add(reason, customer.inbound.clear(memory_) + customer.outbound.clear(memory_));
    }

  private:
    struct Due {
        Instant at;
        CustomerIndex customer;
        bool operator>(const Due& other) const { return at > other.at; }
    };

    ShaperMemory memory_;
    std::priority_queue<Due, std::vector<Due>, std::greater<>> due_;
};

}  // namespace warren::dataplane
