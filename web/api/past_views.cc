// The past as JSON.
#include <cmath>

#include "web/api/json_forms.h"

namespace warren::web {

std::string outages_json(const OutageAnswer& answer, Now now) {
    Json items = Json::array();
    for (const Outage& one : answer.outages) {
        const WallTime end = one.ended.value_or(now.wall);
        items.push_back(
            {{"customer", one.customer},
             {"peer", text_or_null(one.peer)},
             {"connection", text_or_null(one.connection)},
             {"began", utc_text(one.began)},
             {"ended", one.ended ? Json(utc_text(*one.ended)) : Json()},
             {"seconds", std::max<std::int64_t>(0, end.nanoseconds - one.began.nanoseconds) / 1'000'000'000},
             {"cause", one.cause.empty() ? "silent" : one.cause},
             {"removed", one.was_removed}});
    }
    return dump({{"items", items}, {"has_more", answer.has_more}});
}

std::string traffic_json(const TrafficQuestion& question, const TrafficAnswer& answer) {
    const std::int64_t seconds = steps_of(question.range).seconds;
    Json times = Json::array();
    Json inbound = Json::array();
    Json outbound = Json::array();
    std::int64_t step = question.first_step;
    for (const auto& bytes : answer.bytes) {
        times.push_back(++step * seconds);
        const auto rate = [&](std::uint64_t sum) {
            return Json(std::round(static_cast<double>(sum) * 8 / static_cast<double>(seconds)));
        };
        inbound.push_back(bytes ? rate(bytes->first) : Json());
        outbound.push_back(bytes ? rate(bytes->second) : Json());
    }
    return dump({{"step_seconds", seconds},
                 {"times", times},
                 {"rx_bits_per_second", inbound},
                 {"tx_bits_per_second", outbound}});
}

}  // namespace warren::web
