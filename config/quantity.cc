#include "config/quantity.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <span>

namespace warren::config {

namespace {

struct Unit {
    std::string_view name;
    std::uint64_t factor;
};
// The largest first.
constexpr Unit kTimes[] = {{"d", 86'400}, {"h", 3'600}, {"min", 60}, {"s", 1}};
constexpr Unit kSizes[] = {{"TB", 1'000'000'000'000}, {"GB", 1'000'000'000}, {"MB", 1'000'000}, {"kB", 1'000}};
constexpr std::uint64_t kMostSeconds = 365 * std::uint64_t{86'400};
constexpr std::uint64_t kMostBytes = 1'000'000'000'000'000;

std::optional<std::uint64_t> parse(std::string_view text, std::span<const Unit> units, std::uint64_t most) {
    const auto digits = std::min(text.find_first_not_of("0123456789"), text.size());
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + digits, number);
    if (digits == 0 || error != std::errc()) return std::nullopt;
    text.remove_prefix(digits);
    if (text.starts_with(' ')) text.remove_prefix(1);
    const auto unit = std::find_if(units.begin(), units.end(), [text](const Unit& one) { return one.name == text; });
    // Check before the multiplication, so that it cannot overflow.
    if (unit == units.end() || number > most / unit->factor) return std::nullopt;
    return number * unit->factor;
}

std::string text_of(std::uint64_t value, std::span<const Unit> units) {
    const auto fits = [value](const Unit& unit) { return value >= unit.factor && value % unit.factor == 0; };
    const auto unit = std::find_if(units.begin(), units.end(), fits);
    const Unit& last = unit == units.end() ? units.back() : *unit;
    return fmt::format("{} {}", value / last.factor, last.name);
}

}  // namespace

std::optional<std::chrono::seconds> parse_duration(std::string_view text) {
    const auto seconds = parse(text, kTimes, kMostSeconds);
    if (!seconds) return std::nullopt;
    return std::chrono::seconds(*seconds);
}

std::string duration_text(std::chrono::seconds duration) {
    return text_of(static_cast<std::uint64_t>(duration.count()), kTimes);
}

std::optional<std::uint64_t> parse_size(std::string_view text) {
    return parse(text, kSizes, kMostBytes);
}

std::string size_text(std::uint64_t bytes) {
    return text_of(bytes, kSizes);
}

}  // namespace warren::config
