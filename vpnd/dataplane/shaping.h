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
    // Looks anew at when the customer's next packet may go. To be called after some were popped, or its rate changed.
    void arm(Customer& customer) {
        const Instant due = std::min(customer.inbound.next_due(), customer.outbound.next_due());
        if (due >= customer.release_at) return;
        customer.release_at = due;
        due_.push({due, customer.view->index});
    }
    // A customer some of whose packets may go. The caller pops them and arms it again. `find`: the customer of an
    // index, null when there is none.
    template <typename Find>
    [[nodiscard]] std::optional<CustomerIndex> next_due(Instant now, const Find& find) {
        while (!due_.empty() && due_.top().at <= now) {
            const Due due = due_.top();
            due_.pop();
            Customer* const customer = find(due.customer);
            // Else it is gone, or was armed for an earlier time since.
            if (customer == nullptr || customer->release_at != due.at) continue;
            customer->release_at = kNever;
            return due.customer;
        }
        return std::nullopt;
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
