// The clocks. Only the rim reads them: pure code gets its times as arguments. Any thread.
#pragma once

#include "base/time.h"

namespace warren {

// CLOCK_BOOTTIME.
[[nodiscard]] Instant read_instant();
// CLOCK_MONOTONIC, which stands still while the machine is suspended, when nothing could reply. Never compared with
// read_instant()'s.
[[nodiscard]] Instant read_instant_awake();
[[nodiscard]] WallTime read_wall_clock();
// CLOCK_BOOTTIME and CLOCK_REALTIME, one after the other.
[[nodiscard]] Now read_clock();

}  // namespace warren
