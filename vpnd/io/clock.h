// The two clocks. Only the rim reads them.
#pragma once

#include "base/time.h"

namespace warren::io {

// CLOCK_BOOTTIME and CLOCK_REALTIME, one after the other. Any thread.
[[nodiscard]] Now read_clock();
// The first of them alone, which is all that the data path needs.
[[nodiscard]] Instant read_instant();
using Clock = Instant (*)();

}  // namespace warren::io
