// Schedules checks of stacks whose configuration did not change, because an operator may have changed them by hand.
// PURE.
#pragma once

#include <deque>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/time.h"
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
    // Queues one that is not to be checked before `until`, however it is queued again.
    void put_off(const std::string& customer, Instant until);
    // Removes and returns the next ones, at most `count`, without those that are put off at `now`.
    [[nodiscard]] std::vector<std::string> pop(std::size_t count, Instant now = kNever);
    // The next ones, at most `count`; they stay.
    [[nodiscard]] std::vector<std::string> peek(std::size_t count) const;
    // Without those that are put off.
    [[nodiscard]] std::size_t waiting() const { return queue_.size() - put_off_.size(); }
    [[nodiscard]] bool has_put_off() const { return !put_off_.empty(); }

  private:
    std::deque<std::string> queue_;
    std::unordered_set<std::string> waiting_;           // those of queue_
    std::unordered_map<std::string, Instant> put_off_;  // some of queue_, until when
};

}  // namespace warren::stacks
