#include "config/moment.h"

#include <fmt/format.h>

#include <chrono>

namespace warren::config {

std::string moment_text(WallTime at) {
    const std::chrono::sys_seconds second(
        std::chrono::floor<std::chrono::seconds>(std::chrono::nanoseconds(at.nanoseconds)));
    const auto midnight = std::chrono::floor<std::chrono::days>(second);
    const std::chrono::year_month_day day(midnight);
    const std::string date = fmt::format("{:04}-{:02}-{:02}", static_cast<int>(day.year()),
                                         static_cast<unsigned>(day.month()), static_cast<unsigned>(day.day()));
    const std::chrono::hh_mm_ss time(second - midnight);
    if (time.to_duration().count() == 0) return date;
    return fmt::format("{}T{:02}:{:02}:{:02}Z", date, time.hours().count(), time.minutes().count(),
                       time.seconds().count());
}

}  // namespace warren::config
