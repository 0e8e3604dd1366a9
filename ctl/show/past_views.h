// The past as text.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "ctl/show/json.h"

namespace warren::ctl {

// Of the API's events, oldest first.
[[nodiscard]] std::string events_text(const Json& events);
// Of the API's outages, latest first, as they come.
[[nodiscard]] std::string outages_text(const Json& outages);
// Of the API's finds.
[[nodiscard]] std::string found_text(const Json& found);
// Of the API's answer to top: customers, then peers.
[[nodiscard]] std::string top_text(const Json& answer);
// "12.3 Mbit/s"
[[nodiscard]] std::string rate_text(double bits_per_second);
// "2 d 3 h", "14 min 2 s": the two largest units.
[[nodiscard]] std::string length_text(std::int64_t seconds);

}  // namespace warren::ctl
