// What services write, and what is told of them.
#include <sys/epoll.h>
#include <unistd.h>

#include <array>
#include <string_view>
#include <utility>

#include "base/log.h"
#include "base/printable.h"
#include "base/utc_text.h"
#include "ipc/service_facts.h"
#include "stacks/services/service_table.h"

namespace warren::stacks {

namespace {

constexpr std::size_t kEvents = 32;                              // in a run
constexpr Duration kReadPause = std::chrono::milliseconds(100);  // between two reads of logs
constexpr std::size_t kReadSize = 4096;                          // of one service in a turn
constexpr std::size_t kLongestLine = 400;

// unbound's own time and process before a line: ours is there already.
std::string_view without_prefix(std::string_view line) {
    if (!line.starts_with('[')) return line;
    const auto end = line.find("] ");
    return end == std::string_view::npos ? line : line.substr(end + 2);
}

}  // namespace

void ServiceTable::complain(Service& service, Now now, const std::string& state, const std::string& problem) {
    if (service.problem != problem)
        log(LogLevel::kError, "service_failed",
            {{"customer", service.customer}, {"service", std::string(name_of(service.kind))}, {"reason", problem}});
    if (service.state != state && !service.process) service.since = now.wall;
    if (!service.process) service.state = state;
    service.problem = problem;
}

void ServiceTable::fail_check(Service& service, Now now, const std::string& state, const std::string& problem,
                              Duration pause) {
    complain(service, now, state, problem);
    service.check_at = now.instant + pause;
}

void ServiceTable::fail_start(Service& service, Now now, const std::string& state, const std::string& problem,
                              Duration pause) {
    complain(service, now, state, problem);
    service.start_at = now.instant + pause;
}

// --- logs ----------------------------------------------------------------------------------------

void ServiceTable::read_outputs(Now now) {
    if (now.instant < read_at_) return;
    std::array<epoll_event, kEvents> ready{};
    const int count = ::epoll_wait(outputs_.get(), ready.data(), static_cast<int>(ready.size()), 0);
    if (count <= 0) return;
    read_at_ = now.instant + kReadPause;
    for (int i = 0; i < count; ++i)
        read_output(*static_cast<Entry*>(ready.at(static_cast<std::size_t>(i)).data.ptr), now);
}

void ServiceTable::read_output(Entry& entry, Now now) {
    Service& service = entry.second;
    std::array<char, kReadSize> space{};
    const ssize_t size = ::read(service.output.get(), space.data(), space.size());
    if (size <= 0) return;
    std::string lines;
    for (const char c : std::string_view(space.data(), static_cast<std::size_t>(size))) {
        if (c != '\n') {
            if (service.line.size() < kLongestLine) service.line += c;
            continue;
        }
        const std::string line = std::exchange(service.line, {});
        if (!service.lines.take(now.instant, kServiceLines)) {
            ++service.left_out;
            continue;
        }
        lines += utc_text(now.wall) + " " + std::string(name_of(service.kind)) + " " + printable(without_prefix(line));
        if (const std::uint64_t more = std::exchange(service.left_out, 0); more != 0)
            lines += " (" + std::to_string(more) + " before it left out)";
        lines += '\n';
    }
    if (!lines.empty()) options_.tell(service.customer, lines);
}

// --- what is told --------------------------------------------------------------------------------

std::vector<ipc::ControlText> ServiceTable::problems() const {
    std::vector<ipc::ControlText> out;
    for (const auto& [name, service] : services_) {
        if (!service.wanted || service.problem.empty()) continue;
        out.push_back({ipc::ControlText::Kind::kNote, service.customer,
                       std::string(name_of(service.kind)) + ": " + service.problem});
    }
    return out;
}

std::vector<ipc::ControlText> ServiceTable::facts(const std::string& customer) const {
    std::vector<ipc::ControlText> out;
    for (const auto& [name, service] : services_) {
        if (!service.wanted || (!customer.empty() && service.customer != customer)) continue;
        ipc::ServiceFact fact;
        fact.service = name_of(service.kind);
        fact.program = program_of(service.kind);
        fact.state = service.state;
        fact.limits = groups_ || options_.launcher_has_limits ? "cgroup" : "rlimit";
        fact.pid = service.process ? service.process->pid() : 0;
        fact.since = service.since.nanoseconds / 1'000'000'000;
        fact.restarts = service.restarts;
        out.push_back({ipc::ControlText::Kind::kFact, service.customer, ipc::text_of(fact)});
    }
    return out;
}

}  // namespace warren::stacks
