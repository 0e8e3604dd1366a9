// The rates and the quota of a customer, a peer or a connection, on their way from stackd through vpnd to those who
// show them.
#pragma once

#include <cstdint>

#include "ipc/fields.h"

namespace warren::ipc {

struct Limits {
    std::uint64_t rate_up = 0;      // bits per second from the far end into the stack, 0 = no limit
    std::uint64_t rate_down = 0;    // and from the stack to the far end
    std::uint64_t quota = 0;        // bytes of both directions together in a calendar month of UTC, 0 = none
    std::uint64_t after_quota = 0;  // bits per second of each direction, once it is spent; 0 = nothing passes

    bool operator==(const Limits&) const = default;
};
void fields(auto& codec, Is<Limits> auto& m) {
    codec(m.rate_up, m.rate_down, m.quota, m.after_quota);
}

// What went through in the present month of UTC: messages with their headers, as `wg show` counts them.
struct MonthUsage {
    std::uint64_t rx_bytes = 0;  // from the far end
    std::uint64_t tx_bytes = 0;
    bool is_spent = false;  // the quota is

    bool operator==(const MonthUsage&) const = default;
};
void fields(auto& codec, Is<MonthUsage> auto& m) {
    codec(m.rx_bytes, m.tx_bytes, m.is_spent);
}

}  // namespace warren::ipc
