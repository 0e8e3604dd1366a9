// services
#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <ctime>
#include <fstream>
#include <optional>
#include <ostream>
#include <sstream>
#include <string>
#include <vector>

#include "ctl/ask/control_client.h"
#include "ctl/commands/change.h"
#include "ctl/commands/known_customer.h"
#include "ctl/runners.h"
#include "ctl/show/json.h"
#include "ctl/show/table.h"
#include "ctl/show/units.h"
#include "ipc/service_facts.h"

namespace warren::ctl {

namespace {

constexpr int kPatienceSeconds = 5;

std::optional<std::uint64_t> memory_of(const std::string& pid) {
    std::ifstream in("/proc/" + pid + "/smaps_rollup");
    std::string line;
    std::optional<std::uint64_t> kilobytes;
    while (std::getline(in, line)) {
        if (!line.starts_with("Private_Dirty")) continue;  // the clean ones come from files, and others share them
        std::istringstream fields(line.substr(line.find(':') + 1));
        std::uint64_t some = 0;
        if (fields >> some) kilobytes = kilobytes.value_or(0) + some;
    }
    if (!kilobytes) return std::nullopt;
    return *kilobytes * 1024;
}

// What a process and its children have for themselves, in bytes: programs and libraries are shared by all customers.
// Nothing: it has ended, or we may not look.
std::optional<std::uint64_t> own_memory(std::int32_t pid) {
    const std::string number = std::to_string(pid);
    auto all = memory_of(number);
    std::ifstream children("/proc/" + number + "/task/" + number + "/children");
    std::string child;
    while (all && children >> child) *all += memory_of(child).value_or(0);
    return all;
}

struct Row {
    std::string customer;
    ipc::ServiceFact fact;
    std::optional<std::uint64_t> memory;
    std::string problem;
};

std::string text_of(const std::vector<Row>& rows, std::int64_t now) {
    Table table({{"CUSTOMER"},
                 {"SERVICE"},
                 {"PROGRAM"},
                 {"STATE"},
                 {"FOR", Align::kRight},
                 {"PID", Align::kRight},
                 {"RESTARTS", Align::kRight},
                 {"MEMORY", Align::kRight},
                 {"LIMITS"}});
    std::string problems;
    for (const Row& row : rows) {
        const auto age = static_cast<std::uint32_t>(std::clamp<std::int64_t>(now - row.fact.since, 0, UINT32_MAX));
        table.add({row.customer, row.fact.service, row.fact.program, row.fact.state, short_age(age),
                   row.fact.pid == 0 ? "-" : fmt::to_string(row.fact.pid), fmt::to_string(row.fact.restarts),
                   row.memory ? bytes_text(*row.memory) : "-", row.fact.limits});
        if (!row.problem.empty()) problems += fmt::format("{} {}: {}\n", row.customer, row.fact.service, row.problem);
    }
    return table.text() + problems;
}

Json json_of(const std::vector<Row>& rows) {
    Json all = Json::array();
    for (const Row& row : rows) {
        Json entry;
        entry["customer"] = row.customer;
        entry["service"] = row.fact.service;
        entry["program"] = row.fact.program;
        entry["state"] = row.fact.state;
        entry["since"] = iso_time(WallTime{row.fact.since * 1'000'000'000});
        entry["pid"] = row.fact.pid == 0 ? Json() : Json(row.fact.pid);
        entry["restarts"] = row.fact.restarts;
        entry["memory_bytes"] = number_or_null(row.memory);
        entry["memory_limited_by"] = row.fact.limits;
        entry["problem"] = text_or_null(row.problem);
        all.push_back(std::move(entry));
    }
    return all;
}

}  // namespace

int run_services(const Invocation& invocation, Output& output) {
    const std::string customer = invocation.arguments.empty() ? "" : invocation.arguments[0];
    if (!customer.empty()) {
        if (const std::string problem = customer_problem(customer); !problem.empty())
            return complain(output, kUsage, problem);
    }
    std::vector<Row> rows;
    std::vector<ipc::ControlText> notes;
    const ipc::ControlRequest request{ipc::ControlVerb::kStatus, std::nullopt, customer};
    const auto take = [&](const ipc::ControlText& text) {
        if (text.kind == ipc::ControlText::Kind::kNote) notes.push_back(text);
        if (text.kind != ipc::ControlText::Kind::kFact || text.customer.empty()) return;
        auto fact = ipc::parse_service_fact(text.text);
        if (fact) rows.push_back({text.customer, *fact, fact->pid == 0 ? std::nullopt : own_memory(fact->pid), ""});
    };
    const auto done = send_request(invocation.run_dir, request, take, {}, kPatienceSeconds);
    if (!done) return complain(output, kFailed, done.error().what);
    if (!customer.empty() && rows.empty() && !is_known_customer(invocation, customer))
        return complain(output, kFailed, no_such_customer(invocation, customer));
    for (Row& row : rows) {
        const std::string begin = row.fact.service + ": ";
        for (const ipc::ControlText& note : notes) {
            if (note.customer == row.customer && note.text.starts_with(begin))
                row.problem = note.text.substr(begin.size());
        }
    }
    if (invocation.json) {
        output.out << dump(json_of(rows));
    } else if (rows.empty()) {
        output.out << fmt::format("{} service: there is no [dns] and no [bgp]\n",
                                  customer.empty() ? "no customer has a" : customer + " has no");
    } else {
        output.out << text_of(rows, std::time(nullptr));
    }
    return kDone;
}

}  // namespace warren::ctl
