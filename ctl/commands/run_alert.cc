// alert
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <ostream>

#include "base/clock.h"
#include "ctl/ask/alert_client.h"
#include "ctl/runners.h"
#include "ctl/show/alert_views.h"

namespace warren::ctl {

int run_alert(const Invocation& invocation, Output& output) {
    const std::string& verb = invocation.arguments.front();
    if (verb != "status" && verb != "test")
        return complain(output, kUsage, fmt::format("alert: unknown verb \"{}\"; accepted: status, test", verb));
    const bool is_test = verb == "test";
    const auto answer = ask_alertd(invocation.run_dir, is_test);
    if (!answer) return complain(output, kUnreachable, answer.error().what);
    const WallTime now = read_wall_clock();
    if (invocation.json) {
        output.out << dump(alerts_json(*answer));
    } else {
        output.out << (is_test ? alert_test_text(*answer) : alerts_text(*answer, now));
    }
    const bool all_work = std::all_of(answer->receivers.begin(), answer->receivers.end(),
                                      [](const ipc::AlertReceiver& one) { return one.works; });
    return !is_test || all_work ? kDone : kFailed;
}

}  // namespace warren::ctl
