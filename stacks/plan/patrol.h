// Schedules checks of stacks whose configuration did not change, because an operator may have changed them by hand.
// PURE.
#pragma once

#include <deque>
#include <string>
#include <unordered_set>
#include <vector>

#include "config/generation.h"

namespace warren::stacks {

// A queue that holds each customer once: the one that has waited longest is checked first, however often begin() is
// called.
class Patrol {
  public:
    // Queues all customers of the generation except `seen`, which were just checked.
    void begin(const config::Generation& generation, const std::unordered_set<std::string>& seen);
    // Puts one before all others.
    void hurry(const std::string& customer);
    // Removes and returns the next ones, at most `count`.
    [[nodiscard]] std::vector<std::string> pop(std::size_t count);
    [[nodiscard]] std::size_t waiting() const { return queue_.size(); }

  private:
    std::deque<std::string> queue_;
    std::unordered_set<std::string> waiting_;  // those of queue_
};

}  // namespace warren::stacks
