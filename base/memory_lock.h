// Keeps keys out of swap.
#pragma once

#include <cstdint>

#include "base/result.h"

namespace warren {

// All memory where RLIMIT_MEMLOCK is unlimited, as stackd sets it where it may; else the heap, in which all keys are,
// as far as the limit goes. Locking all memory under a limit is no choice: an allocation beyond it would fail in the
// middle of work. One thread. Source: mlockall(2), mlock2(2), MCL_ONFAULT: pages count when they are touched.
class MemoryLock {
  public:
    // Before threads start and before the first key comes in.
    [[nodiscard]] static Result<MemoryLock> start();
    // After the heap may have grown. kUnavailable when it is larger than what the limit allows to lock.
    [[nodiscard]] Status extend();

  private:
    std::uintptr_t heap_ = 0;  // where it starts; 0: everything is locked, what comes later too
};

}  // namespace warren
