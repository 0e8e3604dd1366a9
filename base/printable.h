// Text that somebody else wrote, made fit for a terminal and a log.
#pragma once

#include <string>
#include <string_view>

namespace warren {

// Control characters (C0 but those of `kept`, DEL, C1) and bytes that are no UTF-8 become "?", so that nobody's name or
// file steers a terminal or breaks a line.
[[nodiscard]] std::string printable(std::string_view text, std::string_view kept = "");

}  // namespace warren
