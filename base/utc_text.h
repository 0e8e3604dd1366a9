// A moment of the calendar, for people and programs.
#pragma once

#include <string>

#include "base/time.h"

namespace warren {

// "2026-11-29T14:38:02Z" (RFC 3339); what is less than a second is cut off.
[[nodiscard]] std::string utc_text(WallTime at);

}  // namespace warren
