#include "history/unconfirmed.h"

#include <fmt/format.h>

#include <algorithm>

#include "history/lines.h"

namespace warren::history {

namespace {

constexpr std::string_view kForm = "warren-unconfirmed 1";

}  // namespace

bool is_over(const Unconfirmed& unconfirmed, std::string_view boot, Instant now) {
    return unconfirmed.is_returned || unconfirmed.boot != boot || now >= unconfirmed.deadline;
}

Unconfirmed extended(const std::optional<Unconfirmed>& waiting, std::uint64_t newest, Instant now, WallTime wall,
                     Duration within, const std::string& boot) {
    return {waiting ? waiting->base : newest, now + within, boot, {wall.nanoseconds + within.count()}, false};
}

std::string encode(const Unconfirmed& unconfirmed) {
    return with_checksum(fmt::format("{}\n{} {} {} {} {}\n", kForm, unconfirmed.base, unconfirmed.deadline.nanoseconds,
                                     escaped(unconfirmed.boot), unconfirmed.shown.nanoseconds,
                                     unconfirmed.is_returned ? 1 : 0));
}

Result<Unconfirmed> decode_unconfirmed(std::string_view text) {
    const auto damaged = [] { return fail(ErrorCode::kInvalid, "it is damaged"); };
    const auto all = checked(text);
    if (!all || !all->starts_with(kForm) || !all->ends_with('\n')) return damaged();
    std::string_view line = all->substr(kForm.size());
    if (!line.starts_with('\n') || line.size() < 2) return damaged();
    line.remove_prefix(1);
    line.remove_suffix(1);
    const auto words = words_of(line);
    if (words.size() != 5) return damaged();
    const auto base = number_of<std::uint64_t>(words[0]);
    const auto deadline = number_of<std::int64_t>(words[1]);
    const auto boot = unescaped(words[2]);
    const auto shown = number_of<std::int64_t>(words[3]);
    const auto returned = number_of<unsigned>(words[4]);
    if (!base || !deadline || !boot || !shown || !returned || *returned > 1) return damaged();
    return Unconfirmed{*base, {*deadline}, *boot, {*shown}, *returned == 1};
}

std::optional<Duration> parse_within(std::string_view text) {
    std::int64_t unit = 1;
    if (text.ends_with('s') || text.ends_with('m') || text.ends_with('h')) {
        unit = text.back() == 's' ? 1 : text.back() == 'm' ? 60 : 3600;
        text.remove_suffix(1);
    }
    const auto count = number_of<std::uint32_t>(text);
    if (!count || text.empty()) return std::nullopt;
    const Duration out = std::chrono::seconds(std::int64_t{*count} * unit);
    if (out < kLeastWithin || out > kMostWithin) return std::nullopt;
    return out;
}

std::string text_of(Duration left) {
    const auto seconds = std::max<std::int64_t>(0, std::chrono::ceil<std::chrono::seconds>(left).count());
    if (seconds < 60) return fmt::format("{} s", seconds);
    if (seconds < 3600) return fmt::format("{} min {} s", seconds / 60, seconds % 60);
    return fmt::format("{} h {} min", seconds / 3600, seconds % 3600 / 60);
}

}  // namespace warren::history
