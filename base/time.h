// Time as an argument. Pure code never reads a clock: it gets an Instant from the rim (vpnd/io/clock.h).
#pragma once

#include <chrono>
#include <compare>
#include <cstdint>

namespace warren {

using Duration = std::chrono::nanoseconds;

// A moment on CLOCK_BOOTTIME (suspend counts): never goes back, has no calendar.
struct Instant {
    std::int64_t nanoseconds = 0;

    auto operator<=>(const Instant&) const = default;
    friend Instant operator+(Instant at, Duration by) { return {at.nanoseconds + by.count()}; }
    friend Instant operator-(Instant at, Duration by) { return {at.nanoseconds - by.count()}; }
    friend Duration operator-(Instant later, Instant earlier) {
        return Duration(later.nanoseconds - earlier.nanoseconds);
    }
};

inline constexpr Instant kNever{INT64_MAX};
// Before every other moment: "has not happened yet" for timestamps.
inline constexpr Instant kLongAgo{INT64_MIN / 2};

// A moment on the wall clock, nanoseconds since 1970 UTC. May jump. Only for TAI64N and for people.
struct WallTime {
    std::int64_t nanoseconds = 0;
    auto operator<=>(const WallTime&) const = default;
};

// Both clocks, read together once per batch.
struct Now {
    Instant instant;
    WallTime wall;
};

}  // namespace warren
