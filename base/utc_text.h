// A moment of the calendar, for people and programs.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/time.h"

namespace warren {

// "2026-11-29T14:38:02Z" (RFC 3339); what is less than a second is cut off.
[[nodiscard]] std::string utc_text(WallTime at);
// The same back, from 1970 to 2199; also "2026-11-29", "2026-11-29T14:38" and "2026-11-29 14:38:02", all in UTC.
[[nodiscard]] std::optional<WallTime> parse_utc(std::string_view text);

}  // namespace warren
