// The generator's clock: CLOCK_MONOTONIC, read once per step of an activity.
#pragma once

#include <ctime>

#include "base/time.h"

namespace warren::bench {

[[nodiscard]] inline Instant monotonic_now() {
    timespec at{};
    ::clock_gettime(CLOCK_MONOTONIC, &at);
    return {at.tv_sec * 1'000'000'000 + at.tv_nsec};
}

[[nodiscard]] inline Now both_clocks() {
    timespec wall{};
    ::clock_gettime(CLOCK_REALTIME, &wall);
    return {monotonic_now(), {wall.tv_sec * 1'000'000'000 + wall.tv_nsec}};
}

[[nodiscard]] inline double to_seconds(Duration span) {
    return static_cast<double>(span.count()) / 1e9;
}
[[nodiscard]] inline double to_microseconds(Duration span) {
    return static_cast<double>(span.count()) / 1e3;
}

// CPU time of this process.
[[nodiscard]] inline Duration own_cpu() {
    timespec used{};
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return Duration(used.tv_sec * 1'000'000'000 + used.tv_nsec);
}

}  // namespace warren::bench
