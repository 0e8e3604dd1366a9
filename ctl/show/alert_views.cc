#include "ctl/show/alert_views.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/printable.h"
#include "base/utc_text.h"
#include "ctl/show/past_views.h"
#include "ctl/show/table.h"

namespace warren::ctl {

namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

std::string or_dash(const std::string& text) {
    return text.empty() ? "-" : text;
}

}  // namespace

std::string alerts_text(const ipc::AlertAnswer& answer, WallTime now) {
    std::string out;
    if (!answer.open.empty()) {
        Table open({{"KIND"}, {"CUSTOMER"}, {"NAME"}, {"SINCE"}, {"FOR", Align::kRight}, {"WHAT"}});
        for (const ipc::OpenAlert& one : answer.open)
            open.add({one.kind, or_dash(one.customer), or_dash(one.name), utc_text(one.since),
                      length_text(std::max<std::int64_t>(0, now.nanoseconds - one.since.nanoseconds) / kSecond),
                      one.text});
        out += open.text();
        if (answer.open_left_out > 0) out += fmt::format("and {} more\n", answer.open_left_out);
        out += "\n";
    }
    Table receivers({{"RECEIVER"},
                     {"WHERE"},
                     {"WAITING", Align::kRight},
                     {"DELIVERED", Align::kRight},
                     {"DROPPED", Align::kRight},
                     {"LAST ANSWER"}});
    for (const ipc::AlertReceiver& one : answer.receivers)
        receivers.add({one.name, one.where, std::to_string(one.waiting), std::to_string(one.delivered),
                       std::to_string(one.dropped), or_dash(one.answer)});
    out += receivers.text();
    if (!answer.problem.empty()) out += "\n" + answer.problem + "\n";
    return out;
}

std::string alert_test_text(const ipc::AlertAnswer& answer) {
    Table out({{"RECEIVER"}, {"WHERE"}, {"RESULT"}, {"ANSWER"}});
    for (const ipc::AlertReceiver& one : answer.receivers)
        out.add({one.name, one.where, one.works ? "ok" : "failed", or_dash(one.answer)});
    return out.text();
}

Json alerts_json(const ipc::AlertAnswer& answer) {
    Json out{{"open", Json::array()}, {"open_left_out", answer.open_left_out}, {"receivers", Json::array()}};
    for (const ipc::OpenAlert& one : answer.open)
        out["open"].push_back({{"kind", one.kind},
                               {"customer", one.customer},
                               {"name", one.name},
                               {"since", utc_text(one.since)},
                               {"text", one.text}});
    for (const ipc::AlertReceiver& one : answer.receivers)
        out["receivers"].push_back({{"name", one.name},
                                    {"where", one.where},
                                    {"works", one.works},
                                    {"answer", one.answer},
                                    {"waiting", one.waiting},
                                    {"delivered", one.delivered},
                                    {"dropped", one.dropped}});
    out["problem"] = answer.problem;
    return out;
}

}  // namespace warren::ctl
