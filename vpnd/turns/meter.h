// What a customer used of this worker.
#pragma once

#include <cstdint>

#include "base/time.h"

namespace warren::dataplane {

// One direction. Messages are counted when they were opened or are sealed, keepalives included, as `wg show` counts
// them.
struct Meter {
    std::uint64_t bytes = 0;
    std::uint64_t packets = 0;
    Duration processor{};  // all that was done for it: refused messages, and the stack's work on what was written to
                           // it, its firewall's too
};

enum class Direction : std::uint8_t { kInbound, kOutbound };  // network to stack, stack to network

struct Meters {
    Meter inbound;
    Meter outbound;
    [[nodiscard]] Meter& of(Direction direction) { return direction == Direction::kInbound ? inbound : outbound; }
};

}  // namespace warren::dataplane
