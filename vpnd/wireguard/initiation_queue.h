// Whose initiation leaves next, when more are wanted than may leave at once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <unordered_map>
#include <vector>

#include "base/ids.h"

namespace warren::wireguard {

// Peers, each named by a small number, in two lines: those that had traffic come first, and of every eight turns one is
// for the others, so that nobody waits for ever. In a line customers take turns, whatever number of peers each has
// there. A peer may be in it more than once, or be gone: the caller looks when its turn comes. One thread.
class InitiationQueue {
  public:
    void push(CustomerIndex customer, std::uint32_t peer, bool has_traffic);
    [[nodiscard]] std::optional<std::uint32_t> pop();
    [[nodiscard]] bool empty() const { return traffic_.turns.empty() && quiet_.turns.empty(); }
    // Numbers that it has memory for: those that wait, and at most as many that were served.
    [[nodiscard]] std::size_t held() const;

  private:
    static constexpr std::uint32_t kTurnsPerQuiet = 8;
    struct Waiting {
        std::vector<std::uint32_t> peers;
        std::size_t next = 0;  // those before it were served
    };
    struct Line {
        std::unordered_map<CustomerIndex, Waiting> waiting;
        std::deque<CustomerIndex> turns;  // each customer of `waiting` once
        [[nodiscard]] std::uint32_t pop();
        [[nodiscard]] std::size_t held() const;
    };
    Line traffic_;
    Line quiet_;
    std::uint32_t turn_ = 0;
};

}  // namespace warren::wireguard
