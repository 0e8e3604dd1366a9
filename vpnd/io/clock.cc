#include "vpnd/io/clock.h"

#include <ctime>

namespace warren::io {

namespace {

std::int64_t read(clockid_t clock) {
    timespec at{};
    ::clock_gettime(clock, &at);
    return std::int64_t{at.tv_sec} * 1'000'000'000 + at.tv_nsec;
}

}  // namespace

Now read_clock() {
    return {Instant{read(CLOCK_BOOTTIME)}, WallTime{read(CLOCK_REALTIME)}};
}

Instant read_instant() {
    return {read(CLOCK_BOOTTIME)};
}

}  // namespace warren::io
