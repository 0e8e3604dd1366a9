#include "web/rim/clock.h"

#include <ctime>

namespace warren::web {

namespace {

std::int64_t nanoseconds_of(clockid_t clock) {
    timespec at{};
    ::clock_gettime(clock, &at);
    return std::int64_t{at.tv_sec} * 1'000'000'000 + at.tv_nsec;
}

}  // namespace

Now read_clock() {
    return {{nanoseconds_of(CLOCK_BOOTTIME)}, {nanoseconds_of(CLOCK_REALTIME)}};
}

}  // namespace warren::web
