// How much a daemon logs. Pure: the line itself is written by base/log.h.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace warren {

// From the most verbose to the least. Each daemon has lines at each level.
enum class LogLevel : std::uint8_t { kDebug, kInfo, kWarn, kError };

inline constexpr std::array<std::string_view, 4> kLogLevelNames{"debug", "info", "warn", "error"};
inline constexpr std::string_view kLogLevelsAccepted = "debug, info, warn or error";

[[nodiscard]] constexpr std::string_view name_of(LogLevel level) {
    return kLogLevelNames[static_cast<std::size_t>(level)];
}

[[nodiscard]] constexpr std::optional<LogLevel> parse_log_level(std::string_view text) {
    for (std::size_t i = 0; i < kLogLevelNames.size(); ++i) {
        if (kLogLevelNames[i] == text) return static_cast<LogLevel>(i);
    }
    return std::nullopt;
}

}  // namespace warren
