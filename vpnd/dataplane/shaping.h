// Which customers have packets that wait for their rate or are on a test link, and when the next of them may go.
#pragma once

#include <algorithm>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "vpnd/dataplane/peer.h"

namespace warren::dataplane {

// One data worker. Of memory and of places a customer may have a quarter, and no more than is left for all: so three
// customers that flood leave a quarter to the others. Of many more, those that came last have few places.
class Shaping {
  public:
    // Peers of all customers whose packets wait for rates of their own: each takes some 15 kB beside its packets.
    static constexpr std::size_t kMostWaiting = 4'096;
    static constexpr std::size_t kMostWaitingOfCustomer = kMostWaiting / 4;
    // Bytes of all shapers of a customer: of its own rates, and of its peers'.
    static constexpr std::size_t kMostOfCustomer = ShaperMemory::kInAll / 4;

    // The packet waits, or is dropped and counted with `reason` when there is no room.
    void wait(Customer& customer, Shaper& shaper, std::uint32_t flow, Shaper::Packet packet, DropReason reason) {
        if (!shaper.has_room(flow, packet.bytes.size(), memory_of(customer))) return customer.drops.add(reason);
        const std::size_t before = memory_.held;
        shaper.push(flow, std::move(packet), memory_);
        customer.shaped_bytes += memory_.held - before;
        arm_at(customer, shaper.next_due());
    }
    // The same for a rate of its peers: `shaper` is one of `rates`.
    void wait(Customer& customer, PeerRates& rates, Shaper& shaper, std::uint32_t flow, Shaper::Packet packet,
              DropReason reason) {
        if (!rates.is_waiting && customer.waiting.size() >= std::min(kMostWaitingOfCustomer, kMostWaiting - waiting_))
            return customer.drops.add(reason);
        wait(customer, shaper, flow, std::move(packet), reason);
        if (shaper.empty() || std::exchange(rates.is_waiting, true)) return;
        customer.waiting.push_back(&rates);
        ++waiting_;
    }
    // `shaper` is one of the customer's.
    [[nodiscard]] std::optional<Shaper::Packet> pop(Instant now, Customer& customer, Shaper& shaper) {
        const std::size_t before = memory_.held;
        auto packet = shaper.pop(now, memory_);
        customer.shaped_bytes -= before - memory_.held;
        return packet;
    }
    // The packet goes onto a line of the customer, which is a test link, or is lost there, and counted.
    void hold(Instant now, Customer& customer, TestLine& line, Shaper::Packet packet) {
        switch (line.push(now, std::move(packet), room_of(*customer.link, line))) {
            case TestLine::Fate::kLost: return customer.drops.add(DropReason::kEmulatedLoss);
            case TestLine::Fate::kQueueFull: return customer.drops.add(DropReason::kEmulatedQueueFull);
            case TestLine::Fate::kHeld: return arm_at(customer, line.next_due());
        }
    }
    // `line` is one of the customer's.
    [[nodiscard]] std::optional<Shaper::Packet> pop(Instant now, Customer& customer, TestLine& line) {
        return line.pop(now, room_of(*customer.link, line));
    }
    // Looks anew at when the customer's next packet may go. To be called after some were popped, or its rate changed.
    void arm(Customer& customer) {
        Instant due = std::min(customer.inbound.next_due(), customer.outbound.next_due());
        std::erase_if(customer.waiting, [&](PeerRates* rates) {
            due = std::min({due, rates->inbound.next_due(), rates->outbound.next_due()});
            return forget_if_empty(*rates);
        });
        if (customer.link != nullptr && customer.link->is_over()) {
            customer.link.reset();
            customer.is_treated = customer.needs_treatment();
        }
        if (customer.link != nullptr) due = std::min(due, customer.link->next_due());
        arm_at(customer, due);
    }
    // A customer some of whose packets may go. The caller pops them and arms it again. `find`: the customer of an
    // index, null when there is none.
    template <typename Find>
    [[nodiscard]] std::optional<CustomerIndex> next_due(Instant now, const Find& find) {
        while (!due_.empty() && due_.begin()->at <= now) {
            spare_ = due_.extract(due_.begin());
            const Due due = spare_.value();
            Customer* const customer = find(due.customer);
            // Else it is gone, and another one may have its index.
            if (customer == nullptr || customer->release_at != due.at) continue;
            customer->release_at = kNever;
            return due.customer;
        }
        return std::nullopt;
    }
    // kNever when no packet waits.
    [[nodiscard]] Instant next_deadline() const { return due_.empty() ? kNever : due_.begin()->at; }
    // Customers that wait to be looked at, and some that are gone.
    [[nodiscard]] std::size_t armed() const { return due_.size(); }
    // What waits is dropped and counted.
    void drop(Customer& customer, DropReason reason) {
        clear(customer, customer.inbound, customer.outbound, reason);
        for (PeerRates* rates : std::vector(customer.waiting)) drop(customer, *rates, reason);
        if (customer.link == nullptr) return;
        TestLink& link = *customer.link;
        for (TestLine* const line : {&link.up, &link.down})
            customer.drops.add(reason, line->clear(room_of(link, *line)));
    }
    // The same of some peers only.
    void drop(Customer& customer, PeerRates& rates, DropReason reason) {
        clear(customer, rates.inbound, rates.outbound, reason);
        if (forget_if_empty(rates)) std::erase(customer.waiting, &rates);
    }

  private:
    // As the customer may see it: what is left of it is left for this customer.
    [[nodiscard]] ShaperMemory memory_of(const Customer& customer) const {
        const std::size_t most = std::min(kMostOfCustomer, memory_.left());
        return {ShaperMemory::kInAll - (most - std::min(most, customer.shaped_bytes))};
    }
    // `line` is one of the link's.
    [[nodiscard]] LineRoom room_of(TestLink& link, const TestLine& line) {
        return {&line == &link.up ? link.up_held : link.down_held, on_lines_};
    }
    void clear(Customer& customer, Shaper& inbound, Shaper& outbound, DropReason reason) {
        const std::size_t before = memory_.held;
        customer.drops.add(reason, inbound.clear(memory_) + outbound.clear(memory_));
        customer.shaped_bytes -= before - memory_.held;
    }
    void arm_at(Customer& customer, Instant due) {
        if (due >= customer.release_at) return;
        const CustomerIndex index = customer.view->index;
        if (customer.release_at != kNever) spare_ = due_.extract({customer.release_at, index});
        customer.release_at = due;
        if (spare_.empty()) {
            due_.insert({due, index});
        } else {
            spare_.value() = {due, index};
            (void)due_.insert(std::move(spare_));
        }
    }
    // True when it was waiting, and is no more.
    bool forget_if_empty(PeerRates& rates) {
        if (!rates.is_waiting || !rates.inbound.empty() || !rates.outbound.empty()) return false;
        rates.inbound.trim();
        rates.outbound.trim();
        rates.is_waiting = false;
        --waiting_;
        return true;
    }

    struct Due {
        Instant at;
        CustomerIndex customer;
        bool operator<(const Due& other) const {
            return at != other.at ? at < other.at : customer.value < other.customer.value;
        }
    };

    ShaperMemory memory_;
    HeldPackets on_lines_;            // of all test links
    std::size_t waiting_ = 0;         // PeerRates::is_waiting, of all customers
    std::set<Due> due_;               // one of a customer, however often it is armed
    std::set<Due>::node_type spare_;  // so that packets allocate nothing
};

}  // namespace warren::dataplane
