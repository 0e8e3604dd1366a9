// Moments as the files write them: a day in UTC, or a day with a time.
#pragma once

#include <cstdint>
#include <string>

#include "base/time.h"

namespace warren::config {

// What a file may say: in seconds since 1970, from the first second of 2000 to the last one of 2199.
inline constexpr std::int64_t kFirstMoment = 946'684'800;
inline constexpr std::int64_t kLastMoment = 7'258'118'399;

// "2027-03-31" for a moment at 00:00 UTC, else "2027-03-31T17:30:00Z". Parts of a second are left out.
[[nodiscard]] std::string moment_text(WallTime at);

}  // namespace warren::config
