// What apply() would do, and what the operator changed.
#include <algorithm>

#include "config/diff.h"
#include "config/load.h"
#include "stacks/reconciler.h"

namespace warren::stacks {

namespace {

using Kind = ipc::ControlText::Kind;

constexpr std::uint8_t kAnswerIsNo = 1;
constexpr std::uint8_t kFailed = 4;

void add_text(Report& report, Kind kind, const std::string& customer, const std::string& text) {
    report.texts.push_back({kind, customer, text});
}

std::string counted(std::size_t count, const std::string& noun) {
    return std::to_string(count) + " " + noun + (count == 1 ? "" : "s");
}

// The id that the customer has in the generation in force.
std::string id_before(const std::vector<Rename>& renames, const std::string& id) {
    const auto found =
        std::find_if(renames.begin(), renames.end(), [&id](const Rename& rename) { return rename.to == id; });
    return found == renames.end() ? id : found->from;
}

}  // namespace

void Reconciler::report_changes(const Round& round, Report& report) const {
    const config::Generation& next = round.next;
    for (const config::FieldChange& change :
         config::diff(current_.appliance, current_.secrets, next.appliance, next.secrets))
        add_text(report, Kind::kChange, "", config::format(change));
    for (const auto& accepted : next.customers) {
        const std::string& id = accepted->customer.id;
        const std::string former = id_before(round.renames, id);
        const config::AcceptedCustomer* before = current_.find(former);
        if (former != id) {
            add_text(report, Kind::kChange, id, "customer " + former + " is renamed to " + id);
            add_text(report, Kind::kChange, id,
                     "users and tokens of customer " + former + " do not see " + id +
                         " on the status page until they get it (vpnctl user, vpnctl token)");
        }
        if (before == nullptr) {
            add_text(report, Kind::kChange, id,
                     "add the customer with " + counted(accepted->customer.peers.size(), "peer") +
                         (accepted->customer.ipsec
                              ? " and " + counted(accepted->customer.ipsec->connections.size(), "connection")
                              : ""));
            continue;
        }
        if (!is_changed(*accepted)) continue;
        for (const config::FieldChange& change :
             config::diff(before->customer, before->secrets, accepted->customer, accepted->secrets))
            add_text(report, Kind::kChange, id, config::format(change));
    }
    for (const auto& accepted : current_.customers) {
        const std::string& id = accepted->customer.id;
        const bool is_renamed = std::any_of(round.renames.begin(), round.renames.end(),
                                            [&id](const Rename& rename) { return rename.from == id; });
        if (next.find(id) == nullptr && !is_renamed) add_text(report, Kind::kChange, id, "remove the customer");
    }
}

// Like stacks_to_check(), but the patrol stays as it is.
std::unordered_set<std::string> Reconciler::stacks_to_preview(const config::Generation& next) {
    note_changes();
    std::unordered_set<std::string> turn = stacks_in_doubt(next);
    std::size_t others = 0;
    for (std::string& id : patrol_.peek(kChecksPerApply)) {
        if (next.find(id) != nullptr) others += turn.insert(std::move(id)).second ? 1U : 0U;
    }
    for (const auto& accepted : next.customers) {
        if (others >= kChecksPerApply) break;
        others += turn.insert(accepted->customer.id).second ? 1U : 0U;
    }
    return turn;
}

Report Reconciler::preview() {
    Report report;
    Round round;
    if (!load(round, report)) return report;
    report_changes(round, report);
    const std::uint32_t wanted = wanted_workers(round.next);
    const Status fits = check_resize(wanted, round.next);
    if (!fits) {
        add_text(report, Kind::kNote, "", "workers would not be changed: " + fits.error().what);
    } else if (wanted != workers() && only_in_vpnd(round.next, round.present).empty()) {
        add_text(report, Kind::kStep, "",
                 "replace vpnd: workers: " + std::to_string(workers()) + " -> " + std::to_string(wanted));
    }
    stacks_.set_workers(workers());
    std::set<std::string> known = round.present;
    for (const Rename& rename : round.renames) known.insert(rename.from);
    const Status seen = stacks_.observe_uplink();
    bool failed = !seen || !fits;
    const std::unordered_set<std::string> turn = stacks_to_preview(round.next);
    std::size_t passed_over = 0;
    for (const auto& accepted : round.next.customers) {
        const std::string& id = accepted->customer.id;
        known.insert(id);
        if (!turn.contains(id)) {
            ++passed_over;
            continue;
        }
        config::Customer customer = accepted->customer;
        customer.id = id_before(round.renames, id);
        if (customer.id != id) add_text(report, Kind::kStep, id, "rename the stack of " + customer.id);
        if (is_parked(customer)) continue;
        const auto outcome = stacks_.preview(customer);
        if (!outcome) {
            add_text(report, Kind::kNote, id, "would be refused: " + outcome.error().what);
            failed = true;
            continue;
        }
        for (const std::string& step : outcome->steps) add_text(report, Kind::kStep, id, step);
        for (const std::string& problem : outcome->problems) add_text(report, Kind::kNote, id, problem);
        round.invalid = round.invalid || !outcome->problems.empty();
    }
    if (const auto gone = stacks_.orphans(known)) {
        for (const std::string& id : *gone) add_text(report, Kind::kStep, id, "remove the stack");
    }
    const auto count = [&report](Kind kind) {
        return static_cast<std::size_t>(std::count_if(report.texts.begin(), report.texts.end(),
                                                      [kind](const auto& text) { return text.kind == kind; }));
    };
    const std::size_t changes = count(Kind::kChange);
    const std::size_t steps = count(Kind::kStep);
    report.exit_status = failed ? kFailed : (changes + steps > 0 || round.invalid ? kAnswerIsNo : 0);
    report.summary =
        changes + steps == 0 ? "nothing to do" : counted(changes, "change") + ", " + counted(steps, "step");
    if (passed_over > 0) report.summary += "; " + counted(passed_over, "unchanged stack") + " not looked at";
    return report;
}

}  // namespace warren::stacks
