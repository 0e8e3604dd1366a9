// TAI64N timestamps of handshake initiations (WireGuard whitepaper §5.1, §5.4.2; cr.yp.to/libtai/tai64.html).
#pragma once

#include <array>
#include <chrono>
#include <compare>
#include <cstdint>

#include "base/time.h"

namespace warren::wireguard {

// 8 bytes of seconds, 4 bytes of nanoseconds, big-endian: the order of the bytes is the order of time. All zero: before
// every other.
struct Tai64n {
    std::array<std::uint8_t, 12> bytes{};
    auto operator<=>(const Tai64n&) const = default;
};

// The timestamp of a moment, its nanoseconds rounded down to a multiple of 2^24 (about 16.8 ms), so that it tells
// little about our clock.
[[nodiscard]] Tai64n tai64n_whitened(WallTime wall);
// Our next timestamp to one peer: the clock's, or one step after `previous` where the clock stands still or went back.
// At the end of all time it stays there, as does later_by(): neither starts again from the beginning.
[[nodiscard]] Tai64n tai64n_after(const Tai64n& previous, WallTime wall);
// `by` is not negative.
[[nodiscard]] Tai64n later_by(const Tai64n& timestamp, std::chrono::seconds by);
// How far it is ahead of the clock; negative: behind. In whole seconds.
[[nodiscard]] std::chrono::seconds ahead_of(WallTime wall, const Tai64n& timestamp);

}  // namespace warren::wireguard
