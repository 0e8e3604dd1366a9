// Groups go from node to node, one after the other.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "base/time.h"
#include "ctl/command.h"

namespace warren::ctl {

struct MovePatience {
    Duration giving = std::chrono::seconds(15);    // the owner stops, at most so long, and gives
    Duration arriving = std::chrono::seconds(10);  // then its peers shake hands
};
// Prints the moves that give each node its share, asks, and makes them, some seconds apart. Ends at the first group
// that is not well afterwards, which goes back to where it was.
int rebalance_fleet(const Invocation& invocation, Output& output, const MovePatience& patience = {});
// A group that has a new owner keeps it for a while. With --wait that is waited for; else it is said, and what is
// returned is the exit status. Nothing: it may change its owner.
std::optional<int> let_rest(const Invocation& invocation, std::uint16_t group, Output& output);
// Where another node owns the group, it is asked to give it, and that is awaited. Nothing: this node owns it.
std::optional<int> move_from_other(const Invocation& invocation, std::uint16_t group, const std::string& to,
                                   Output& output);

}  // namespace warren::ctl
