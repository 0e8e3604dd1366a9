// Gives out dense indexes and takes them back, but only when nobody can use the old meaning any more.
#pragma once

#include <cstdint>
#include <vector>

#include "base/ids.h"

namespace warren::vpnd {

// One thread.
template <typename Index>
class IndexPool {
  public:
    explicit IndexPool(std::uint32_t first = 0) : next_(first) {}

    [[nodiscard]] Index allocate() {
        if (free_.empty()) return Index{next_++};
        const Index index = free_.back();
        free_.pop_back();
        return index;
    }
    // Not given out again before settle(): a data worker may still report about what it meant.
    void release(Index index) { released_.push_back(index); }
    // A Barrier posted after the removals was reached: everything released before is free.
    void settle() {
        free_.insert(free_.end(), released_.begin(), released_.end());
        released_.clear();
    }
    // One more than the largest index ever given out.
    [[nodiscard]] std::uint32_t bound() const { return next_; }

  private:
    std::uint32_t next_;
    std::vector<Index> free_;
    std::vector<Index> released_;
};

}  // namespace warren::vpnd
