// Times and amounts of data as people write them: "30 s", "64 GB".
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace warren::config {

// A whole number, a space or none, and s, min, h or d. Nothing when the text is no such time, or exceeds a year.
[[nodiscard]] std::optional<std::chrono::seconds> parse_duration(std::string_view text);
// The shortest text that parse_duration() reads back: "4 h".
[[nodiscard]] std::string duration_text(std::chrono::seconds duration);

// A whole number, a space or none, and kB, MB, GB or TB (decimal prefixes, ISO 80000-13). In bytes; nothing when the
// text is no such amount, or exceeds 1000 TB.
[[nodiscard]] std::optional<std::uint64_t> parse_size(std::string_view text);
// The shortest text that parse_size() reads back: "64 GB". A multiple of 1 kB.
[[nodiscard]] std::string size_text(std::uint64_t bytes);

}  // namespace warren::config
