// [traffic.emulate] as people write it, and as they read it.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "config/emulation.h"

namespace warren::config {

struct Node;

inline constexpr std::uint32_t kWholePart = 1'000'000;
inline constexpr std::chrono::microseconds kMostDelay = std::chrono::seconds(10);

void read(const Node* node, Emulation& to);
// As lines "traffic.emulate.up" -> "delay 50 ms, loss 1 %" (config/diff.cc).
void flatten(const Emulation& emulation, std::map<std::string, std::string>& out);
// "delay 50 ms +- 5 ms, loss 1 %"; "" when nothing happens to packets.
[[nodiscard]] std::string summary_of(const LinkEmulation& emulation);

// "1 %", "0.25 %": in millionths, 0 to 100 %. Nothing when the text is no such part.
[[nodiscard]] std::optional<std::uint32_t> parse_part(std::string_view text);
// The shortest text that parse_part() reads back.
[[nodiscard]] std::string part_text(std::uint32_t millionths);
// "50 ms", "500 us", "2 s": up to kMostDelay. Nothing when the text is no such time.
[[nodiscard]] std::optional<std::chrono::microseconds> parse_delay(std::string_view text);
// The shortest text that parse_delay() reads back.
[[nodiscard]] std::string delay_text(std::chrono::microseconds delay);

}  // namespace warren::config
