// Rejects text that must not reach the TOML library, because the library recurses without bound or asserts on it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "config/diagnostic.h"

namespace warren::config {

struct Refusal {
    Place place;
    std::string message;
};

// The first thing in `text` that is not accepted, nothing when there is none:
// - control characters, which TOML forbids everywhere;
// - characters beyond ASCII outside of strings and comments, which TOML forbids too;
// - strings of several lines, which no key needs;
// - keys with more than kMaxKeyDots dots.
[[nodiscard]] std::optional<Refusal> prescan(std::string_view text);

inline constexpr unsigned kMaxKeyDots = 16;  // "a.b.c"

}  // namespace warren::config
