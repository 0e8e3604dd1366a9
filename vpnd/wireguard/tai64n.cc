#include "vpnd/wireguard/tai64n.h"

#include <algorithm>

#include "base/bytes.h"

namespace warren::wireguard {

namespace {

constexpr std::uint64_t kEpoch =
    0x400000000000000aU;                   // 1970-01-01 00:00:00 UTC as TAI, without leap seconds since (TAI64N)
constexpr std::uint32_t kStep = 1U << 24;  // nanoseconds; Linux drivers/net/wireguard/noise.c, wireguard-go tai64n
constexpr std::uint32_t kNanosecondsPerSecond = 1'000'000'000;

struct Parts {
    std::uint64_t seconds;
    std::uint32_t nanoseconds;
};

Tai64n encode(Parts parts) {
    Tai64n out;
    store_be(out.bytes.data(), parts.seconds);
    store_be(out.bytes.data() + sizeof parts.seconds, parts.nanoseconds);
    return out;
}

Parts decode(const Tai64n& timestamp) {
    return {load_be<std::uint64_t>(timestamp.bytes.data()),
            load_be<std::uint32_t>(timestamp.bytes.data() + sizeof(std::uint64_t))};
}

}  // namespace

Tai64n tai64n_whitened(WallTime wall) {
    // Rounded towards the past, also before 1970: a broken clock may say anything.
    std::int64_t seconds = wall.nanoseconds / kNanosecondsPerSecond;
    std::int64_t nanoseconds = wall.nanoseconds % kNanosecondsPerSecond;
    if (nanoseconds < 0) {
        nanoseconds += kNanosecondsPerSecond;
        --seconds;
    }
    return encode(
        {kEpoch + static_cast<std::uint64_t>(seconds), static_cast<std::uint32_t>(nanoseconds) & ~(kStep - 1)});
}

Tai64n tai64n_after(const Tai64n& previous, WallTime wall) {
    const Tai64n from_clock = tai64n_whitened(wall);
    if (from_clock > previous) return from_clock;
    Parts next = decode(previous);
    if (next.nanoseconds < kNanosecondsPerSecond - kStep) {
        next.nanoseconds += kStep;
    } else if (next.seconds < UINT64_MAX) {
        next.nanoseconds = 0;
        ++next.seconds;
    }
    return encode(next);
}

Tai64n later_by(const Tai64n& timestamp, std::chrono::seconds by) {
    Parts parts = decode(timestamp);
    parts.seconds += std::min(static_cast<std::uint64_t>(by.count()), UINT64_MAX - parts.seconds);
    return encode(parts);
}

std::chrono::seconds ahead_of(WallTime wall, const Tai64n& timestamp) {
    // An authentic peer may say anything: bounded, so that nothing overflows.
    constexpr std::int64_t kMost = std::int64_t{1} << 40;
    const auto difference =
        static_cast<std::int64_t>(decode(timestamp).seconds - decode(tai64n_whitened(wall)).seconds);
    return std::chrono::seconds(std::clamp(difference, -kMost, kMost));
}

}  // namespace warren::wireguard
