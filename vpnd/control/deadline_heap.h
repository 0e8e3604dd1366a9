// The next deadline of each of many timers: an indexed binary heap, one entry per timer, nothing allocated while it
// runs.
#pragma once

#include <cstdint>
#include <vector>

#include "base/time.h"

namespace warren::control {

// Timers are small dense numbers. set() costs a comparison when nothing changed and log n otherwise: 17 steps for
// 100,000 peers.
class DeadlineHeap {
  public:
    // kNever takes the timer out.
    void set(std::uint32_t timer, Instant deadline);
    [[nodiscard]] Instant deadline_of(std::uint32_t timer) const;
    [[nodiscard]] Instant next() const { return heap_.empty() ? kNever : heap_.front().deadline; }
    // Takes out those that are due, at most `limit`, and appends them to `due`, earliest first.
    void take_due(Instant now, std::size_t limit, std::vector<std::uint32_t>& due);
    [[nodiscard]] std::size_t size() const { return heap_.size(); }

  private:
    static constexpr std::uint32_t kAbsent = UINT32_MAX;
    struct Entry {
        Instant deadline;
        std::uint32_t timer;
    };
    void place(std::size_t at, Entry entry);
    void sift_up(std::size_t at);
    void sift_down(std::size_t at);
    void erase(std::size_t at);

    std::vector<Entry> heap_;               // heap_[i] is not later than heap_[2i+1] and heap_[2i+2]
    std::vector<std::uint32_t> positions_;  // timer -> place in heap_
};

}  // namespace warren::control
