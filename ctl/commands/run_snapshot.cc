// status, customers, peers, counters, drops, wg
#include <fmt/format.h>

#include <ostream>

#include "ctl/ask/control_client.h"
#include "ctl/runners.h"
#include "ctl/show/json_views.h"
#include "ctl/show/text_views.h"
#include "ctl/show/wg_show.h"

namespace warren::ctl {

namespace {

// The customer named as the first argument, "" for all.
std::string customer_of(const Invocation& invocation) {
    return invocation.arguments.empty() ? "" : invocation.arguments[0];
}

// Fetches a snapshot and passes it to `show`; prints the error otherwise.
template <typename Show>
int with_snapshot(const Invocation& invocation, bool with_peers, Output& output, Show show) {
    const auto snapshot = fetch_snapshot(invocation.run_dir, {customer_of(invocation), with_peers});
    if (snapshot) return show(*snapshot);
    const Error& error = snapshot.error();
    if (error.code == ErrorCode::kUnavailable) return complain(output, kUnreachable, error.what);
    if (error.code == ErrorCode::kNotFound) {
        return complain(
            output, kFailed,
            fmt::format("customer {}: {}; vpnctl customers lists them", customer_of(invocation), error.what));
    }
    return complain(output, kFailed, error.what);
}

// Passes the single customer of the requested snapshot to `show`.
template <typename Show>
int with_customer(const Invocation& invocation, Output& output, Show show) {
    return with_snapshot(invocation, true, output, [&](const Snapshot& snapshot) {
        if (snapshot.customers.size() == 1) return show(snapshot.customers[0]);
        return complain(
            output, kFailed,
            fmt::format("customer {}: unknown to vpnd; vpnctl customers lists them", customer_of(invocation)));
    });
}

int print(Output& output, const std::string& text) {
    output.out << text;
    return kDone;
}

}  // namespace

int run_status(const Invocation& invocation, Output& output) {
    const StackdStatus stackd = request_status(invocation.run_dir);
    if (invocation.json) {
        return with_snapshot(invocation, true, output,
                             [&](const Snapshot& snapshot) { return print(output, status_json(snapshot, stackd)); });
    }
    // Also when vpnd does not reply: it is needed most then.
    if (stackd.silence.empty()) output.out << stackd_text(stackd, customer_of(invocation));
    const std::string silence = stackd.silence.empty() ? "" : stackd_text(stackd, "");
    if (!invocation.arguments.empty()) {
        return with_customer(invocation, output, [&](const CustomerStatus& customer) {
            return print(output, silence + customer_text(customer));
        });
    }
    return with_snapshot(invocation, false, output,
                         [&](const Snapshot& snapshot) { return print(output, silence + status_text(snapshot)); });
}

int run_customers(const Invocation& invocation, Output& output) {
    return with_snapshot(invocation, false, output, [&](const Snapshot& snapshot) {
        return print(output, invocation.json ? customers_json(snapshot) : customers_text(snapshot));
    });
}

int run_peers(const Invocation& invocation, Output& output) {
    return with_snapshot(invocation, true, output, [&](const Snapshot& snapshot) {
        return print(output,
                     invocation.json ? peers_json(snapshot) : peers_text(snapshot, invocation.arguments.empty()));
    });
}

int run_counters(const Invocation& invocation, Output& output) {
    return with_snapshot(invocation, false, output, [&](const Snapshot& snapshot) {
        return print(output, invocation.json ? counters_json(snapshot) : counters_text(snapshot));
    });
}

int run_drops(const Invocation& invocation, Output& output) {
    return with_snapshot(invocation, false, output, [&](const Snapshot& snapshot) {
        return print(output, invocation.json ? drops_json(snapshot) : drops_text(snapshot));
    });
}

int run_wg(const Invocation& invocation, Output& output) {
    return with_customer(invocation, output, [&](const CustomerStatus& customer) {
        return print(output, invocation.json ? wg_json(customer) : wg_show_text(customer));
    });
}

}  // namespace warren::ctl
