// [traffic.emulate]: a customer's tunnels behave as a bad line, for a laboratory or an acceptance test.
#pragma once

#include <chrono>
#include <cstdint>

namespace warren::config {

// What happens to the packets of one direction. Parts are of a million.
struct LinkEmulation {
    std::chrono::microseconds delay{};
    std::chrono::microseconds jitter{};  // the delay of each packet is delay +- jitter, in [0, 2 * delay]
    std::uint32_t loss = 0;
    std::uint32_t reorder = 0;    // these are not delayed, so they overtake others
    std::uint32_t duplicate = 0;  // these arrive twice
    std::uint64_t rate = 0;       // bits per second; 0: as fast as the rest allows
    bool operator==(const LinkEmulation&) const = default;
};

// Up is from the sites into the stack, down from the stack to the sites.
struct Emulation {
    LinkEmulation up;
    LinkEmulation down;
    bool operator==(const Emulation&) const = default;
};

}  // namespace warren::config
