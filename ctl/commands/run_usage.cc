// usage
#include <fmt/format.h>

#include <chrono>
#include <ostream>

#include "base/clock.h"
#include "config/parse.h"
#include "ctl/files/usage.h"
#include "ctl/runners.h"
#include "ctl/show/usage_views.h"

namespace warren::ctl {

namespace {

Month present_month() {
    return month_of(read_wall_clock());
}

}  // namespace

int run_usage(const Invocation& invocation, Output& output) {
    const std::string customer = invocation.arguments.empty() ? "" : invocation.arguments[0];
    if (!customer.empty() && !config::is_customer_id(customer))
        return complain(output, kUsage, fmt::format("\"{}\" is no customer's id", customer));
    const auto month = invocation.month.empty() ? present_month() : parse_month(invocation.month);
    if (!month)
        return complain(output, kUsage,
                        fmt::format("--month: \"{}\" is no month; accepted: such as 2026-11", invocation.month));
    if (invocation.csv && invocation.json) return complain(output, kUsage, "--csv and --json exclude each other");
    const auto records = read_usage(invocation.run_dir, invocation.state_dir, *month, customer);
    if (!records) return complain(output, kFailed, records.error().what);
    if (!customer.empty() && records->empty())
        return complain(output, kAnswerIsNo,
                        fmt::format("nothing was counted of customer {} in {}", customer, month_text(*month)));
    if (invocation.csv) {
        output.out << usage_csv(*month, *records);
    } else if (invocation.json) {
        output.out << usage_json(*month, *records);
    } else {
        output.out << usage_text(*month, *records, !customer.empty());
    }
    return kDone;
}

}  // namespace warren::ctl
