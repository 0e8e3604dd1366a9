// Whose stack is to be looked at again though nothing of his configuration changed: somebody may have changed it by
// hand. PURE.
#pragma once

#include <deque>
#include <string>
#include <unordered_set>
#include <vector>

#include "config/generation.h"

namespace warren::stacks {

// A queue in which everybody stands once: who waits longest is looked at first, however often all are to be looked at.
class Patrol {
  public:
    // All of the generation are to be looked at from now on, besides `seen`, who just were.
    void begin(const config::Generation& generation, const std::unordered_set<std::string>& seen);
    // The next ones, at most `count`; they no longer wait.
    [[nodiscard]] std::vector<std::string> pop(std::size_t count);
    [[nodiscard]] std::size_t waiting() const { return queue_.size(); }

  private:
    std::deque<std::string> queue_;
    std::unordered_set<std::string> waiting_;  // those of queue_
};

}  // namespace warren::stacks
