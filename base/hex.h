// Bytes as digits, for people and for places that take text alone.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"

namespace warren {

// "05a1": two digits of a byte, in lower case.
[[nodiscard]] std::string to_hex(Bytes bytes);
// Of such text alone; nothing: it is none.
[[nodiscard]] std::optional<std::vector<std::uint8_t>> from_hex(std::string_view digits);

}  // namespace warren
