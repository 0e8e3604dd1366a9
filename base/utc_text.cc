#include "base/utc_text.h"

#include <fmt/format.h>

#include <charconv>

namespace warren {

namespace {

// Takes `count` digits from the front.
std::optional<unsigned> take_digits(std::string_view& text, std::size_t count) {
    unsigned value = 0;
    if (text.size() < count) return std::nullopt;
    const auto [end, error] = std::from_chars(text.data(), text.data() + count, value);
    if (error != std::errc() || end != text.data() + count) return std::nullopt;
    text.remove_prefix(count);
    return value;
}

bool take(std::string_view& text, char wanted) {
    if (!text.starts_with(wanted)) return false;
    text.remove_prefix(1);
    return true;
}

}  // namespace

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

std::optional<WallTime> parse_utc(std::string_view text) {
    const auto year = take_digits(text, 4);
    if (!year || !take(text, '-')) return std::nullopt;
    const auto month = take_digits(text, 2);
    if (!month || !take(text, '-')) return std::nullopt;
    const auto day = take_digits(text, 2);
    if (!day) return std::nullopt;
    const std::chrono::year_month_day date(std::chrono::year(static_cast<int>(*year)), std::chrono::month(*month),
                                           std::chrono::day(*day));
    if (!date.ok() || *year < 1970 || *year > 2199) return std::nullopt;
    std::chrono::seconds clock(0);
    if (take(text, 'T') || take(text, ' ')) {
        const auto hour = take_digits(text, 2);
        if (!hour || *hour > 23 || !take(text, ':')) return std::nullopt;
        const auto minute = take_digits(text, 2);
        if (!minute || *minute > 59) return std::nullopt;
        const auto second = take(text, ':') ? take_digits(text, 2) : std::optional(0U);
        if (!second || *second > 59) return std::nullopt;
        clock = std::chrono::hours(*hour) + std::chrono::minutes(*minute) + std::chrono::seconds(*second);
        (void)take(text, 'Z');
    }
    if (!text.empty()) return std::nullopt;
    const std::chrono::sys_time<Duration> at = std::chrono::sys_days(date) + clock;
    return WallTime{at.time_since_epoch().count()};
}

}  // namespace warren
