// Rates of data as people write them: "100 Mbit/s".
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace warren::config {

// Bits per second.
inline constexpr std::uint64_t kMinRate = 64'000;
inline constexpr std::uint64_t kMaxRate = 1'000'000'000'000;

// A number with at most three decimals, a space or none, and bit/s, kbit/s, Mbit/s or Gbit/s (decimal prefixes, ISO
// 80000-13). Nothing when the text is no rate, or is out of range.
[[nodiscard]] std::optional<std::uint64_t> parse_rate(std::string_view text);

// The shortest text that parse_rate() reads back: "1.5 Gbit/s".
[[nodiscard]] std::string rate_text(std::uint64_t bits_per_second);

}  // namespace warren::config
