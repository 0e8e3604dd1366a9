// Limits, what is used of them, and test links, as `vpnctl status --json` has them.
#include "web/api/json_forms.h"

namespace warren::web {

namespace {

Json emulation_of(const ipc::LinkEmulation& emulation) {
    return {{"delay_us", emulation.delay_us},   {"jitter_us", emulation.jitter_us},
            {"loss", emulation.loss},           {"reorder", emulation.reorder},
            {"duplicate", emulation.duplicate}, {"rate", limit_or_null(emulation.rate)}};
}

}  // namespace

Json limit_or_null(std::uint64_t limit) {
    return limit == 0 ? Json() : Json(limit);
}

void add_rates(Json& out, std::uint64_t rate_up, std::uint64_t rate_down) {
    out["rate_up"] = limit_or_null(rate_up);
    out["rate_down"] = limit_or_null(rate_down);
}

void add_quota(Json& out, std::uint64_t quota, std::uint64_t after_quota, const ipc::MonthUsage& month) {
    const bool has_quota = quota != 0;
    out["quota_bytes"] = limit_or_null(quota);
    out["after_quota"] = !has_quota ? Json() : after_quota == 0 ? Json("drop") : Json(after_quota);
    out["quota_spent"] = has_quota ? Json(month.is_spent) : Json();
    out["month_rx_bytes"] = month.rx_bytes;
    out["month_tx_bytes"] = month.tx_bytes;
}

void add_limits(Json& out, const ipc::Limits& limits, const ipc::MonthUsage& month) {
    add_rates(out, limits.rate_up, limits.rate_down);
    add_quota(out, limits.quota, limits.after_quota, month);
}

bool is_test_link(const ipc::CustomerSettings& settings) {
    return settings.emulate_up != ipc::LinkEmulation{} || settings.emulate_down != ipc::LinkEmulation{};
}

Json test_link_of(const ipc::CustomerSettings& settings) {
    if (!is_test_link(settings)) return {};
    return {{"up", emulation_of(settings.emulate_up)}, {"down", emulation_of(settings.emulate_down)}};
}

}  // namespace warren::web
