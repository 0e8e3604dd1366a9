// A configuration in force that waits for `vpnctl confirm`, and when the one before comes back. Pure: functions of
// bytes and time.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"

namespace warren::history {

// Its file in the store.
inline constexpr const char* kUnconfirmedFile = "unconfirmed";

struct Unconfirmed {
    std::uint64_t base = 0;  // the last confirmed revision: it comes back
    // On CLOCK_BOOTTIME of this boot, so that nobody's clock changes it.
    Instant deadline{};
    std::string boot;          // the kernel's boot_id
    WallTime shown{};          // the deadline, for people
    bool is_returned = false;  // the base is in force again, and its files are not written yet
    bool operator==(const Unconfirmed&) const = default;
};

// The base is to come back now: its time is over, or the machine was started again since, which who waits for a machine
// that cannot be reached does by hand.
[[nodiscard]] bool is_over(const Unconfirmed& unconfirmed, std::string_view boot, Instant now);

// What a further `apply --confirm-within` makes of one that waits: the base stays, only the time is new.
[[nodiscard]] Unconfirmed extended(const std::optional<Unconfirmed>& waiting, std::uint64_t newest, Instant now,
                                   WallTime wall, Duration within, const std::string& boot);

[[nodiscard]] std::string encode(const Unconfirmed& unconfirmed);
// kInvalid: damaged.
[[nodiscard]] Result<Unconfirmed> decode_unconfirmed(std::string_view text);

// "90", "90s", "5m", "2h": 10 seconds to 24 hours. Nothing: it is none of these.
[[nodiscard]] std::optional<Duration> parse_within(std::string_view text);
inline constexpr Duration kLeastWithin = std::chrono::seconds(10);
inline constexpr Duration kMostWithin = std::chrono::hours(24);

// "4 min 10 s"
[[nodiscard]] std::string text_of(Duration left);

}  // namespace warren::history
