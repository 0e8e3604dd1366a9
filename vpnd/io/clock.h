// The two clocks. Only the rim reads them.
#pragma once

#include "base/time.h"

namespace warren::io {

// CLOCK_BOOTTIME and CLOCK_REALTIME, one after the other. Any thread.
[[nodiscard]] Now read_clock();

}  // namespace warren::io
