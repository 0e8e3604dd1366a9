// What one engine counts of its handshakes.
#pragma once

#include <cstdint>

#include "base/drop_reason.h"

namespace warren::wireguard {

// Since the engine was made.
struct HandshakeCounters {
    DropCounters drops;
    std::uint64_t handshakes_begun = 0;  // by us; repetitions are not counted
    std::uint64_t initiations_sent = 0;
    std::uint64_t initiations_accepted = 0;
    std::uint64_t responses_sent = 0;
    std::uint64_t responses_accepted = 0;
    std::uint64_t cookie_replies_sent = 0;
    std::uint64_t cookie_replies_accepted = 0;
    std::uint64_t handshakes_completed = 0;
    std::uint64_t handshakes_given_up = 0;

    [[nodiscard]] std::uint64_t dropped(DropReason reason) const { return drops.of(reason); }
};

}  // namespace warren::wireguard
