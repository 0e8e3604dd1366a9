// A fleet in one thread: real ownership machines, a store that is linearizable, clocks that drift, and a network that
// delays, loses and reorders.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <queue>
#include <random>
#include <string>
#include <vector>

#include "fleet/ownership/ownership.h"

namespace warren::fleet::testing {

// The rules; each can be left out, to see that the simulation finds it.
struct Rules {
    bool later_revision_wins = true;  // of answers and events
    bool counts_from_sending = true;  // a beat's validity
    bool kernel_ends_it = true;       // at the deadline, whatever fleetd does
    bool compares_beat = true;        // a take
    bool compares_fence = true;       // a beat
    bool reads_anew = true;           // after validity ran out
    bool stop_follows_serves =
        true;  // an answer to an earlier Stop proves nothing, and no Serve comes after a later one

    Duration take = std::chrono::seconds(6);
    Duration rest = std::chrono::seconds(30);  // that a group keeps a new owner
};

struct Outcome {
    bool two_owners = false;
    Duration overlap{};
    std::size_t takes = 0;
    std::size_t gives = 0;
    bool two_in_flight = false;  // changes of one node
    bool to_and_fro = false;     // where nothing goes wrong any more, a group changed its owner twice within 29 s
    bool all_served_in_the_end = false;
};

// One run of `length`, of which the last 60 s are without faults.
[[nodiscard]] Outcome simulate(std::uint64_t seed, const Rules& rules, Duration length = std::chrono::seconds(300));

}  // namespace warren::fleet::testing
