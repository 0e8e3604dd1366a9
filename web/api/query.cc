#include "web/api/query.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/utc_text.h"

namespace warren::web {

std::string lower(std::string_view text) {
    std::string out(text);
    for (char& c : out) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
    }
    return out;
}

std::uint64_t Query::number(std::string_view name, std::uint64_t least, std::uint64_t most, std::uint64_t fallback) {
    const std::string* text = target_.find(name);
    if (text == nullptr) return fallback;
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
    if (error == std::errc() && end == text->data() + text->size() && value >= least && value <= most) return value;
    if (ok()) problem_ = fmt::format("{}: must be a number from {} to {}", name, least, most);
    return fallback;
}

std::optional<std::size_t> Query::choice(std::string_view name, std::span<const std::string_view> accepted) {
    const std::string* text = target_.find(name);
    if (text == nullptr) return std::nullopt;
    const auto found = std::find(accepted.begin(), accepted.end(), *text);
    if (found != accepted.end()) return static_cast<std::size_t>(found - accepted.begin());
    if (ok()) problem_ = fmt::format("{}: must be one of {}", name, fmt::join(accepted, ", "));
    return std::nullopt;
}

std::optional<WallTime> Query::time(std::string_view name) {
    const std::string* text = target_.find(name);
    if (text == nullptr) return std::nullopt;
    const auto at = parse_utc(*text);
    if (!at && ok()) problem_ = fmt::format("{}: must be a time like 2026-11-29T14:38:02Z, or a day", name);
    return at;
}

std::string Query::search(std::string_view name, std::size_t most) {
    const std::string* text = target_.find(name);
    if (text == nullptr) return {};
    if (text->size() > most && ok()) problem_ = fmt::format("{}: must be at most {} bytes long", name, most);
    return lower(*text);
}

}  // namespace warren::web
