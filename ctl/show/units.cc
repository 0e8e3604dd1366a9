#include "ctl/show/units.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <string_view>
#include <utility>

namespace warren::ctl {

std::string bytes_text(std::uint64_t bytes) {
    if (bytes < 1024) return fmt::format("{} B", bytes);
    constexpr std::array<std::string_view, 4> kUnits{"KiB", "MiB", "GiB", "TiB"};
    double amount = static_cast<double>(bytes) / 1024;
    std::size_t unit = 0;
    // The unit follows from the exact number of bytes, not from the rounded text: 1023.999 KiB stays KiB.
    for (std::uint64_t rest = bytes / 1024; rest >= 1024 && unit + 1 < kUnits.size(); rest /= 1024) {
        amount /= 1024;
        ++unit;
    }
    return fmt::format("{:.2f} {}", amount, kUnits[unit]);
}

std::string processor_text(std::uint64_t nanoseconds) {
    constexpr std::uint64_t kMillisecond = 1'000'000;
    return fmt::format("{}.{:03} s", nanoseconds / 1000 / kMillisecond, nanoseconds / kMillisecond % 1000);
}

std::string span_text(std::uint64_t seconds) {
    constexpr std::array<std::pair<std::uint64_t, std::string_view>, 5> kUnits{
        {{365ULL * 24 * 3600, "year"}, {24ULL * 3600, "day"}, {3600, "hour"}, {60, "minute"}, {1, "second"}}};
    std::string out;
    for (const auto& [length, name] : kUnits) {
        const std::uint64_t count = seconds / length;
        seconds %= length;
        if (count == 0) continue;
        out += fmt::format("{}{} {}{}", out.empty() ? "" : ", ", count, name, count == 1 ? "" : "s");
    }
    return out;
}

std::string ago_text(std::uint64_t seconds) {
    return seconds == 0 ? "Now" : span_text(seconds) + " ago";
}

std::string iso_time(WallTime at) {
    const auto seconds = static_cast<std::time_t>(at.nanoseconds / 1'000'000'000);
    std::tm parts{};
    ::gmtime_r(&seconds, &parts);
    return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday,
                       parts.tm_hour, parts.tm_min, parts.tm_sec);
}

std::string time_text(WallTime at) {
    std::string out = iso_time(at);
    std::replace(out.begin(), out.end(), 'T', ' ');
    return out;
}

std::string short_age(const std::optional<std::uint32_t>& seconds) {
    if (!seconds) return "-";
    if (*seconds < 180) return fmt::format("{} s", *seconds);
    if (*seconds < 3 * 3600) return fmt::format("{} min", *seconds / 60);
    if (*seconds < 3 * 24 * 3600) return fmt::format("{} h", *seconds / 3600);
    return fmt::format("{} d", *seconds / (24 * 3600));
}

}  // namespace warren::ctl
