// The time of day.
#pragma once

#include <ctime>

#include "base/time.h"

namespace warren::stacks {

[[nodiscard]] inline WallTime read_wall_clock() {
    timespec now{};
    ::clock_gettime(CLOCK_REALTIME, &now);
    return {std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec};
}

}  // namespace warren::stacks
