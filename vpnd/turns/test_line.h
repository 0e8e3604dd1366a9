// One direction of a test link: packets are held, lost, doubled and overtaken as on a bad line.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/time.h"
#include "vpnd/turns/shaper.h"

namespace warren::dataplane {

// Parts are of a million. All zero: nothing happens to a packet.
struct LineSettings {
    static constexpr std::uint32_t kWhole = 1'000'000;
    static constexpr Duration kMostDelay = std::chrono::seconds(10);

    Duration delay{};
    Duration jitter{};  // at most the delay
    std::uint32_t loss = 0;
    std::uint32_t reorder = 0;
    std::uint32_t duplicate = 0;
    std::uint64_t rate = 0;  // bits per second; 0 = no limit

    bool operator==(const LineSettings&) const = default;
};

// Packets on test lines, and the bytes of memory that they take.
struct HeldPackets {
    std::size_t packets = 0;
    std::size_t bytes = 0;
};

// What a line holds, and those of all customers of one data worker. A customer may have a quarter, half of it for each
// direction, and a line no more than is left for all: so whoever floods leaves some to the other way and to others.
struct LineRoom {
    static constexpr HeldPackets kMostInAll{65'536, std::size_t{64} << 20};
    static constexpr HeldPackets kMostOfLine{kMostInAll.packets / 8, kMostInAll.bytes / 8};

    HeldPackets& line;
    HeldPackets& all;

    [[nodiscard]] bool has(std::size_t cost) const {
        const HeldPackets left{kMostInAll.packets - all.packets, kMostInAll.bytes - all.bytes};
        return line.packets < std::min(kMostOfLine.packets, left.packets) &&
               line.bytes + cost <= std::min(kMostOfLine.bytes, left.bytes);
    }
    void add(std::size_t cost) const;
    void remove(std::size_t packets, std::size_t cost) const;
};

// A packet is lost, or waits until the line is free (`rate`), and then for its delay. Packets stay in order, also when
// their delays differ, but for those that overtake: these have no delay. One data worker; no clock, and the random
// numbers follow from the seed.
class TestLine {
  public:
    using Packet = Shaper::Packet;
    // A packet that would wait longer for the rate than this is dropped, as at a full queue.
    static constexpr Duration kQueue = std::chrono::milliseconds(200);

    explicit TestLine(std::uint64_t seed) : random_(seed) {}

    // Other settings than before: what is on the line arrives at once, in order.
    void set(const LineSettings& settings);
    [[nodiscard]] const LineSettings& settings() const { return settings_; }

    enum class Fate : std::uint8_t { kHeld, kLost, kQueueFull };
    // `room` counts what is held. When it is not held the packet is gone, and for the caller to count.
    [[nodiscard]] Fate push(Instant now, Packet packet, const LineRoom& room);
    // The next one that has arrived, the earliest first.
    [[nodiscard]] std::optional<Packet> pop(Instant now, const LineRoom& room);
    // When pop() has one; kNever when the line is empty.
    [[nodiscard]] Instant next_due() const { return held_.empty() ? kNever : held_.front().due; }
    [[nodiscard]] bool empty() const { return held_.empty(); }
    // Nothing happens to a packet, and none is before it: it need not go onto the line.
    [[nodiscard]] bool is_clear() const { return held_.empty() && settings_ == LineSettings{}; }
    // Forgets what is on the line; returns how many packets that were.
    std::size_t clear(const LineRoom& room);

  private:
    struct Held {
        Instant due;
        std::uint64_t number = 0;  // of those that are due at once, the first comes first
        Packet packet;
        // For a heap with the earliest on top.
        bool operator<(const Held& other) const { return due != other.due ? due > other.due : number > other.number; }
    };
    // Of one packet, beside its bytes: the heap may have twice as many places as packets.
    static constexpr std::size_t kOverhead = 2 * sizeof(Held) + 2 * sizeof(std::max_align_t);
    static constexpr std::size_t kPlacesKept = 256;  // of an empty line

    [[nodiscard]] static std::size_t cost_of(const Packet& packet) { return packet.bytes.size() + kOverhead; }
    [[nodiscard]] std::uint64_t draw();
    [[nodiscard]] bool happens(std::uint32_t part);
    [[nodiscard]] Duration draw_delay();
    void hold(Instant due, Packet packet, const LineRoom& room);

    LineSettings settings_;
    std::uint64_t random_;
    std::uint64_t number_ = 0;
    Instant free_at_ = kLongAgo;   // the last packet that waits for the rate has left
    Instant last_due_ = kLongAgo;  // of those that stay in order
    std::vector<Held> held_;       // a heap
};

// Both directions of a customer that is a test link.
struct TestLink {
    explicit TestLink(std::uint64_t seed) : up(2 * seed), down(2 * seed + 1) {}

    TestLine up;    // from the sites into the stack
    TestLine down;  // from the stack to the sites
    HeldPackets up_held;
    HeldPackets down_held;

    [[nodiscard]] Instant next_due() const { return std::min(up.next_due(), down.next_due()); }
    // The customer is no test link any more, and nothing is on the lines.
    [[nodiscard]] bool is_over() const { return up.is_clear() && down.is_clear(); }
};

}  // namespace warren::dataplane
