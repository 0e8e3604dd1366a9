// Makes foreign text safe for a terminal and a log.
#pragma once

#include <string>
#include <string_view>

namespace warren {

// Control characters (C0 but those of `kept`, DEL, C1) and bytes that are no UTF-8 become "?", so that no name or file
// can control a terminal or break a line.
[[nodiscard]] std::string printable(std::string_view text, std::string_view kept = "");
// Whether printable() would leave it as it is. Keeps no copy.
[[nodiscard]] bool is_printable(std::string_view text);

}  // namespace warren
