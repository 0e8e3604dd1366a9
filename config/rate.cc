#include "config/rate.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace warren::config {

namespace {

struct Unit {
    std::string_view name;
    std::uint64_t bits_per_second;
};
// The longest name first: all of them end in "bit/s".
constexpr std::array<Unit, 4> kUnits{
    {{"Gbit/s", 1'000'000'000}, {"Mbit/s", 1'000'000}, {"kbit/s", 1'000}, {"bit/s", 1}}};

constexpr std::size_t kMostDigits = 13;  // before the point: those of kMaxRate in bit/s
constexpr std::size_t kMostDecimals = 3;

// Thousandths of the number in `text`.
std::optional<std::uint64_t> parse_thousandths(std::string_view text) {
    const auto point = text.find('.');
    const std::string_view whole = text.substr(0, point);
    const std::string_view decimals = point == std::string_view::npos ? std::string_view() : text.substr(point + 1);
    const bool has_decimals = point != std::string_view::npos;
    if (whole.empty() || whole.size() > kMostDigits || decimals.size() > kMostDecimals ||
        (has_decimals && decimals.empty()))
        return {};
    std::string digits(whole);
    digits += decimals;
    digits.append(kMostDecimals - decimals.size(), '0');
    if (!std::all_of(digits.begin(), digits.end(), [](char c) { return c >= '0' && c <= '9'; })) return {};
    std::uint64_t out = 0;
    std::from_chars(digits.data(), digits.data() + digits.size(), out);
    return out;
}

}  // namespace

std::optional<std::uint64_t> parse_rate(std::string_view text) {
    const auto* const unit =
        std::find_if(kUnits.begin(), kUnits.end(), [text](const Unit& known) { return text.ends_with(known.name); });
    if (unit == kUnits.end()) return {};
    text.remove_suffix(unit->name.size());
    if (text.ends_with(' ')) text.remove_suffix(1);
    const auto thousandths = parse_thousandths(text);
    // Check before the multiplication, so that it cannot overflow.
    if (!thousandths || *thousandths / 1000 > kMaxRate / unit->bits_per_second) return {};
    const std::uint64_t rate =
        *thousandths / 1000 * unit->bits_per_second + *thousandths % 1000 * unit->bits_per_second / 1000;
    if (rate < kMinRate || rate > kMaxRate) return {};
    return rate;
}

std::string rate_text(std::uint64_t bits_per_second) {
    for (const Unit& unit : kUnits) {
        const std::uint64_t smallest = unit.bits_per_second >= 1000 ? unit.bits_per_second / 1000 : 1;
        if (bits_per_second < unit.bits_per_second || bits_per_second % smallest != 0) continue;
        std::string number = fmt::format("{}", bits_per_second / unit.bits_per_second);
        const std::uint64_t rest = bits_per_second % unit.bits_per_second / smallest;
        if (rest != 0) {
            number += fmt::format(".{:03}", rest);
            number.erase(number.find_last_not_of('0') + 1);
        }
        return fmt::format("{} {}", number, unit.name);
    }
    return "0 bit/s";
}

}  // namespace warren::config
