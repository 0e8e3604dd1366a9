#include "base/clock.h"

#include <ctime>

namespace warren {

namespace {

std::int64_t read(clockid_t clock) {
    timespec at{};
    ::clock_gettime(clock, &at);
    return std::int64_t{at.tv_sec} * 1'000'000'000 + at.tv_nsec;
}

}  // namespace

Instant read_instant() {
    return {read(CLOCK_BOOTTIME)};
}

Instant read_instant_awake() {
    return {read(CLOCK_MONOTONIC)};
}

WallTime read_wall_clock() {
    return {read(CLOCK_REALTIME)};
}

Now read_clock() {
    return {read_instant(), read_wall_clock()};
}

}  // namespace warren
