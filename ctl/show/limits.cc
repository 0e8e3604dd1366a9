#include "ctl/show/limits.h"

#include <fmt/format.h>

#include <string_view>

#include "config/quantity.h"
#include "config/rate.h"
#include "ctl/show/units.h"

namespace warren::ctl {

namespace {

std::string quota_state(const ipc::Limits& limits, const ipc::MonthUsage& month) {
    const std::string used =
        fmt::format("{} of {} used", bytes_text(month.rx_bytes + month.tx_bytes), config::size_text(limits.quota));
    if (!month.is_spent) return used;
    return used + (limits.after_quota == 0
                       ? ": nothing passes until the next month"
                       : fmt::format(": {} until the next month", config::rate_text(limits.after_quota)));
}

}  // namespace

std::string limits_text(const ipc::Limits& limits, const ipc::MonthUsage& month) {
    std::string out;
    const auto add = [&out](const std::string& text) { out += (out.empty() ? "" : ", ") + text; };
    if (limits.rate_up != 0) add("up " + config::rate_text(limits.rate_up));
    if (limits.rate_down != 0) add("down " + config::rate_text(limits.rate_down));
    if (limits.quota != 0) add(quota_state(limits, month));
    return out.empty() ? "-" : out;
}

std::string month_line(const ipc::Limits& limits, const ipc::MonthUsage& month) {
    const std::string used = limits.quota == 0 ? bytes_text(month.rx_bytes + month.tx_bytes) + " used, no quota"
                                               : quota_state(limits, month);
    return fmt::format("this month  {}\n", used);
}

void add_quota(Json& out, const ipc::Limits& limits, const ipc::MonthUsage& month) {
    const bool has_quota = limits.quota != 0;
    out["quota_bytes"] = has_quota ? Json(limits.quota) : Json();
    out["after_quota"] = !has_quota ? Json() : limits.after_quota == 0 ? Json("drop") : Json(limits.after_quota);
    out["quota_spent"] = has_quota ? Json(month.is_spent) : Json();
    out["month_rx_bytes"] = month.rx_bytes;
    out["month_tx_bytes"] = month.tx_bytes;
}

void add_limits(Json& out, const ipc::Limits& limits, const ipc::MonthUsage& month) {
    out["rate_up"] = limits.rate_up == 0 ? Json() : Json(limits.rate_up);
    out["rate_down"] = limits.rate_down == 0 ? Json() : Json(limits.rate_down);
    add_quota(out, limits, month);
}

}  // namespace warren::ctl
