// Numbers for people.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/time.h"

namespace warren::ctl {

// "512 B", "1.20 KiB", "3.40 GiB": as `wg show` writes amounts.
[[nodiscard]] std::string bytes_text(std::uint64_t bytes);
// "0.123 s": processor time.
[[nodiscard]] std::string processor_text(std::uint64_t nanoseconds);
// "1 minute, 3 seconds": as `wg show` writes spans of time. "" for 0.
[[nodiscard]] std::string span_text(std::uint64_t seconds);
// "1 minute, 3 seconds ago", "Now": as `wg show` writes ages.
[[nodiscard]] std::string ago_text(std::uint64_t seconds);
// "2026-11-29 14:38:02Z": a time of day, in UTC.
[[nodiscard]] std::string time_text(WallTime at);
// "2026-11-29T14:38:02Z": the same for programs.
[[nodiscard]] std::string iso_time(WallTime at);
// "63 s", "12 min", "3 h", "5 d": short, for tables; "-" for never.
[[nodiscard]] std::string short_age(const std::optional<std::uint32_t>& seconds);

}  // namespace warren::ctl
