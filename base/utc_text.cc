#include "base/utc_text.h"

#include <fmt/format.h>

namespace warren {

std::string utc_text(WallTime at) {
    using std::chrono::floor;
    const auto second = floor<std::chrono::seconds>(std::chrono::sys_time<Duration>(Duration(at.nanoseconds)));
    const auto day = floor<std::chrono::days>(second);
    const std::chrono::year_month_day date(day);
    const std::chrono::hh_mm_ss clock(second - day);
    return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", static_cast<int>(date.year()),
                       static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), clock.hours().count(),
                       clock.minutes().count(), clock.seconds().count());
}

}  // namespace warren
