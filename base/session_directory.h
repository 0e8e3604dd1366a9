// Which session ids exist in any data worker, as far as another worker needs to know.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "base/ids.h"

namespace warren {

// Counts ids by a part of them, so it can be wrong in one direction only: it may take an invented id for one that
// exists. So what a stranger invents is dropped where it arrives, and costs no memory between workers. Ids are random
// numbers that we chose. One thread adds and removes, before a session is used and after; every thread may ask.
class SessionDirectory {
  public:
    void add(SessionId id) { counts_[place_of(id)].fetch_add(1, std::memory_order_relaxed); }
    void remove(SessionId id) { counts_[place_of(id)].fetch_sub(1, std::memory_order_relaxed); }
    // False: no worker has a session of this id.
    [[nodiscard]] bool may_exist(SessionId id) const {
        return counts_[place_of(id)].load(std::memory_order_relaxed) != 0;
    }

  private:
    static constexpr std::size_t kPlaces = 1 << 16;
    [[nodiscard]] static std::size_t place_of(SessionId id) { return (id.value >> SessionId::kWorkerBits) % kPlaces; }

    std::array<std::atomic<std::uint32_t>, kPlaces> counts_{};
};

}  // namespace warren
