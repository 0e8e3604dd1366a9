// Rates and quotas, and how much of a quota is used in this month.
#pragma once

#include <string>

#include "ctl/show/json.h"
#include "ipc/limits.h"

namespace warren::ctl {

// "up 20 Mbit/s, down 50 Mbit/s, 1.20 GiB of 50 GB used": "-" for no limit.
[[nodiscard]] std::string limits_text(const ipc::Limits& limits, const ipc::MonthUsage& month);
// A line of the status of a customer: what it used in this month, and of how much.
[[nodiscard]] std::string month_line(const ipc::Limits& limits, const ipc::MonthUsage& month);
// Adds the quota and what was used; null where there is none.
void add_quota(Json& out, const ipc::Limits& limits, const ipc::MonthUsage& month);
// The same with the rates.
void add_limits(Json& out, const ipc::Limits& limits, const ipc::MonthUsage& month);

}  // namespace warren::ctl
