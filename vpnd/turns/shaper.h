// A customer's or a peer's rate in one direction: what exceeds it for a moment waits in a short queue, what exceeds it
// for longer is dropped.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "base/ids.h"
#include "base/token_bucket.h"

namespace warren::dataplane {

// The memory of what waits in all shapers of one data worker. Each may use as much as is left for all.
struct ShaperMemory {
    static constexpr std::size_t kInAll = std::size_t{64} << 20;
    std::size_t held = 0;
    [[nodiscard]] std::size_t left() const { return kInAll - held; }
};

// Packets of one flow stay in order. Flows are served in turn, and one that just became active comes first, so that a
// ping or a call does not wait behind a download (the two lists of RFC 8290 §4). A flow may hold as much as is left of
// the customer's queue, so a single one fills half of it: kDelay. The rate counts IP packets, without what the tunnel
// adds; the queue counts memory. One data worker.
class Shaper {
  public:
    // How long one flow that always has packets waits: enough for one TCP flow to fill the rate at a round trip of more
    // than 100 ms (it gives up 0.3 of its window at a loss; RFC 9438 §4.6).
    static constexpr Duration kDelay = std::chrono::milliseconds(80);
    // Of the whole queue, whatever the rate.
    static constexpr std::size_t kLeastQueue = std::size_t{64} << 10;
    static constexpr std::size_t kMostQueue = std::size_t{8} << 20;
    static constexpr std::size_t kForNewFlows = std::size_t{32} << 10;  // beyond that, for those of which nothing waits
    // What a rate saves while nothing is sent, and while packets wait: a data worker that wakes late loses nothing.
    static constexpr Duration kBurst = std::chrono::milliseconds(5);
    static constexpr Duration kCatchUp = kDelay;

    struct Packet {
        PeerIndex peer;                   // where it came from; unused on the way out
        std::vector<std::uint8_t> bytes;  // in the form that the caller chose
        std::size_t size = 0;             // that the rate counts
    };

    // Bits per second, 0 = no limit. Another rate begins anew, so that nobody waits for a debt of the old one.
    void set_rate(std::uint64_t bits_per_second);
    // A packet may have to wait: there is a rate, or what waited for one is still there.
    [[nodiscard]] bool limits() const { return limits_; }
    [[nodiscard]] bool empty() const { return packets_ == 0; }

    // Counts a packet of this size when it may go now: nothing waits, and the rate allows it.
    [[nodiscard]] bool pass(Instant now, std::size_t size) {
        if (packets_ != 0) return false;
        if (rate_ == 0) return true;
        if (!bucket_.is_open(now)) return false;
        bucket_.charge(now, price_of(size), kBurst);
        return true;
    }
    // There is room for a packet of this flow; `flow` is any hash of what tells it from others. When not, the packet is
    // for the caller to drop and count.
    [[nodiscard]] bool has_room(std::uint32_t flow, std::size_t bytes, const ShaperMemory& memory) const;
    // Waits until it may go. There is room.
    void push(std::uint32_t flow, Packet packet, ShaperMemory& memory);
    // The next one that may go now, counted.
    [[nodiscard]] std::optional<Packet> pop(Instant now, ShaperMemory& memory);
    // When pop() has one; may be past; kNever when none waits.
    [[nodiscard]] Instant next_due() const { return packets_ == 0 ? kNever : bucket_.opens_at(); }
    // Forgets what waits; returns how many packets that were.
    std::size_t clear(ShaperMemory& memory);
    // Gives back what an empty queue takes.
    void trim() {
        if (packets_ == 0) queue_.reset();
    }

  private:
    static constexpr std::size_t kFlows = 256;
    static constexpr std::int32_t kQuantum = 1'514;  // bytes
    static constexpr std::uint32_t kNone = UINT32_MAX;

    struct Node {
        Packet packet;
        std::uint32_t next = kNone;
    };
    // Of one packet, beside its bytes: many short packets must not take more memory than is counted.
    static constexpr std::size_t kOverhead = sizeof(Node) + 2 * sizeof(std::max_align_t);

    struct Flow {
        std::uint32_t first = kNone;  // in Queue::nodes
        std::uint32_t last = kNone;
        std::uint32_t held = 0;  // bytes of memory
        std::int32_t deficit = 0;
        std::uint32_t next = kNone;  // in its list
        bool listed = false;
    };
    struct List {
        std::uint32_t first = kNone;  // in Queue::flows
        std::uint32_t last = kNone;
    };
    struct Queue {
        std::array<Flow, kFlows> flows;
        std::vector<Node> nodes;
        std::uint32_t free = kNone;  // in nodes
        List fresh;
        List steady;
    };

    [[nodiscard]] Duration price_of(std::size_t size) const;
    [[nodiscard]] Flow& flow_to_serve();
    void append(List& list, std::uint32_t flow);
    std::uint32_t remove_first(List& list);

    bool limits_ = false;  // asked for every packet of every customer
    std::uint64_t rate_ = 0;
    std::size_t most_held_ = 0;  // bytes of memory
    std::size_t held_ = 0;       // likewise
    std::size_t packets_ = 0;
    TokenBucket bucket_;
    std::unique_ptr<Queue> queue_;  // only of a customer with a rate that was exceeded
};

}  // namespace warren::dataplane
