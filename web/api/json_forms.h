// Forms that the answers of the API share. Pure.
#pragma once

#include <cmath>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "base/utc_text.h"
#include "web/api/views.h"

namespace warren::web {

using Json = nlohmann::ordered_json;

[[nodiscard]] inline std::string dump(const Json& document) {
    // A name that is not UTF-8 must not fail the whole document.
    return document.dump(-1, ' ', false, Json::error_handler_t::replace);
}

[[nodiscard]] inline Json time_or_null(WallTime at, bool is_known = true) {
    return is_known && at.nanoseconds != 0 ? Json(utc_text(at)) : Json();
}

[[nodiscard]] inline Json text_or_null(const std::string& text) {
    return text.empty() ? Json() : Json(text);
}

[[nodiscard]] inline Json rates_of(const Rates& rates) {
    return {{"rx_bits_per_second", std::round(rates.inbound)}, {"tx_bits_per_second", std::round(rates.outbound)}};
}

template <typename T>
[[nodiscard]] Json texts_of(const std::vector<T>& things) {
    Json out = Json::array();
    for (const T& thing : things) out.push_back(to_string(thing));
    return out;
}

[[nodiscard]] inline Json page_json(Json items, PageOf page, const Census& census) {
    return {{"items", std::move(items)},
            {"total", page.total},
            {"limit", page.limit},
            {"offset", page.offset},
            {"as_of", utc_text(census.as_of())}};
}

// A row of the list of connections.
[[nodiscard]] Json row_of(const std::string& customer, const ConnectionEntry& connection);
[[nodiscard]] Json counts_of(const ConnectionCounts& counts);

// alert_views.cc
[[nodiscard]] Json alerts_of(const ipc::WebAlerts& alerts);
// limit_views.cc: null without a limit.
[[nodiscard]] Json limit_or_null(std::uint64_t limit);
void add_rates(Json& out, std::uint64_t rate_up, std::uint64_t rate_down);
void add_quota(Json& out, std::uint64_t quota, std::uint64_t after_quota, const ipc::MonthUsage& month);
void add_limits(Json& out, const ipc::Limits& limits, const ipc::MonthUsage& month);
[[nodiscard]] bool is_test_link(const ipc::CustomerSettings& settings);
// What happens to its packets; null: it is none.
[[nodiscard]] Json test_link_of(const ipc::CustomerSettings& settings);

}  // namespace warren::web
