#include "stacks/reconciler.h"

#include <unistd.h>

#include <algorithm>
#include <iterator>
#include <span>
#include <unordered_set>
#include <utility>

#include "base/log.h"
#include "config/customer_id.h"
#include "config/load.h"
#include "config/named_secrets.h"
#include "stacks/plan/renames.h"

namespace warren::stacks {

namespace {

using Kind = ipc::ControlText::Kind;

constexpr std::uint8_t kAnswerIsNo = 1;
constexpr std::uint8_t kFailed = 4;
constexpr const char* kOwed = "vpnd gets this when it runs again";  // ends a problem that a delivery solves
constexpr std::size_t kStacksAtOnce = 64;                           // between two checks for a pending signal

void add_text(Report& report, Kind kind, const std::string& customer, const std::string& text) {
    report.texts.push_back({kind, customer, text});
}

ListenerPorts listeners_of(const config::Generation& generation) {
    ListenerPorts listeners;
    const auto add = [&](const std::string& owner, const std::vector<config::Listener>& all) {
        for (const config::Listener& listener : all) {
            const ListenerKind kind = config::kind_of(listener);
            listeners[{owner, kind}] = {ipc::protocol_of(kind), listener.port};
        }
    };
    add("", generation.appliance.listeners);
    for (const auto& accepted : generation.customers) add(accepted->customer.id, accepted->customer.listeners);
    return listeners;
}

// Names and keys are the same.
bool same_secrets(const std::vector<config::NamedSecret>& names, const config::Secrets& now,
                  const config::Secrets& before) {
    return std::all_of(names.begin(), names.end(),
                       [&](const config::NamedSecret& name) { return now.same(name, before); });
}

std::string first_line(const std::string& text) {
    return text.substr(0, text.find('\n'));
}

// The first few of a list.
std::string listed(const std::vector<std::string>& names) {
    constexpr std::size_t kShown = 10;
    std::string text;
    for (std::size_t i = 0; i < std::min(names.size(), kShown); ++i) text += (i == 0 ? "" : ", ") + names[i];
    return names.size() > kShown ? text + ", ..." : text;
}

std::string counted(std::size_t count, const std::string& noun) {
    return std::to_string(count) + " " + noun + (count == 1 ? "" : "s");
}

}  // namespace

// --- loading -------------------------------------------------------------------------------------

bool Reconciler::load(Round& round, Report& report) {
    config::Loaded loaded = load_source(round);
    config::Generation earlier;
    if (!has_accepted_ && round.source.instead == nullptr) {
        if (!loaded.appliance_valid) {
            fall_back(round, loaded);
        } else if (round.source.only.empty()) {
            earlier = resellers_before(loaded);
        }
    }
    const config::Generation& before = earlier.customers.empty() ? current_ : earlier;
    for (const config::LoadedCustomer& customer : loaded.customers) round.present.insert(customer.value().id);
    config::Succession succession = config::succeed(before, loaded);
    bool settled = true;
    while (succession.accepted) {
        round.renames = find_renames(current_, succession.next);
        const std::size_t known = loaded.customers.size();
        settled = settle_removals(round, loaded, report);
        if (!settled || loaded.customers.size() == known) break;
        succession = config::succeed(before, loaded);  // with those that stay
    }
    for (const config::Diagnostic& diagnostic : succession.diagnostics) {
        add_text(report, Kind::kDiagnostic, diagnostic.customer, config::format(diagnostic));
        round.invalid = round.invalid || diagnostic.severity == config::Severity::kError;
    }
    if (!succession.accepted) {
        report.exit_status = kAnswerIsNo;
        report.summary = "nothing applied: the configuration in " + options_.config_directory + " has errors";
        return false;
    }
    round.next = std::move(succession.next);
    apply_groups(round.next);
    report_groups(round.next, report);
    return settled;
}

Result<std::vector<std::string>> Reconciler::gone_customers(const std::set<std::string>& known) {
    std::set<std::string> gone;
    for (const auto& accepted : current_.customers) {
        if (!known.contains(accepted->customer.id)) gone.insert(accepted->customer.id);
    }
    const auto stacks = stacks_.orphans(known);
    if (!stacks) return tl::unexpected(stacks.error());
    gone.insert(stacks->begin(), stacks->end());
    for (const auto& [id, departure] : departing_) gone.erase(id);  // decided before
    return std::vector<std::string>(gone.begin(), gone.end());
}

bool Reconciler::settle_removals(Round& round, config::Loaded& loaded, Report& report) {
    if (round.removals == Removals::kAllowed) return true;
    std::set<std::string> known = round.present;
    std::set<std::string> renamed;  // new ids
    for (const Rename& rename : round.renames) {
        known.insert(rename.from);
        renamed.insert(rename.to);
    }
    auto found = gone_customers(known);
    if (!found) return settle_unlisted(round, loaded, found.error(), report);
    const std::size_t all = found->size() + round.present.size();
    // Those below a reseller go with it, but whose file is there is asked for.
    const auto has_file = [&](const std::string& id) {
        return ::access((options_.config_directory + "/" + config::customer_file(id)).c_str(), F_OK) == 0;
    };
    std::erase_if(*found, [&](const std::string& id) {
        return id == round.removed || (config::is_customer_of(id, round.removed) && !has_file(id));
    });
    const std::vector<std::string>& gone = *found;
    const bool many = gone.size() > 1 || gone.size() * 10 > all;
    if (!many) {
        const bool has_new = std::any_of(round.present.begin(), round.present.end(), [&](const std::string& id) {
            return current_.find(id) == nullptr && !renamed.contains(id);
        });
        if (!has_new) round.departing.insert(gone.begin(), gone.end());
        return true;
    }
    const std::string what =
        std::to_string(gone.size()) + " of " + counted(all, "customer") + " (" + listed(gone) + ")";
    if (round.removals == Removals::kAsk) {
        add_text(report, Kind::kQuestion, "", "the files of " + what + " are gone; remove them and their stacks");
        report.exit_status = kAnswerIsNo;
        report.summary = "nothing applied: it would remove " + what + "; if that is right: vpnctl apply --remove";
        return false;
    }
    keep_customers(gone, round, loaded);
    log(LogLevel::kError, "removal_not_confirmed", {{"customers", std::to_string(gone.size())}, {"ids", listed(gone)}});
    add_text(report, Kind::kNote, "",
             what + " stay as they were although their files are gone; vpnctl apply --remove removes them");
    return true;
}

bool Reconciler::is_changed(const config::AcceptedCustomer& accepted) const {
    const config::AcceptedCustomer* before = current_.find(accepted.customer.id);
    if (before == &accepted) return false;
    if (before == nullptr || before->customer != accepted.customer) return true;
    return !same_secrets(config::secrets_of(accepted.customer), accepted.secrets, before->secrets);
}

void Reconciler::mark_changes(const config::Generation& next) {
    if (next.appliance.listeners != current_.appliance.listeners ||
        !same_secrets(config::secrets_of(next.appliance), next.secrets, current_.secrets))
        view_.mark_listeners_changed("");
    for (const auto& accepted : next.customers) {
        if (!is_changed(*accepted)) continue;
        view_.mark_changed(accepted->customer.id);
        view_.mark_listeners_changed(accepted->customer.id);
    }
}

std::uint32_t Reconciler::wanted_workers(const config::Generation& generation) const {
    return generation.appliance.workers.value_or(static_cast<std::uint16_t>(options_.cores));
}

// --- applying to the kernel ----------------------------------------------------------------------

void Reconciler::size_neighbour_tables(const config::Generation& next, Report& report) {
    const auto lans = std::count_if(next.customers.begin(), next.customers.end(),
                                    [](const auto& accepted) { return has_neighbours(accepted->customer); });
    const Status sized = stacks_.size_neighbour_tables(static_cast<std::size_t>(lans));
    if (sized) return;
    log(LogLevel::kWarn, "neighbour_tables_small", {{"reason", sized.error().what}});
    add_text(report, Kind::kNote, "", sized.error().what);
}

bool Reconciler::bind_listeners(Round& round, Report& report) {
    std::set<std::string> refused;
    for (const auto& [id, port] : listeners_of(round.next)) {
        const Status bound = sockets_.bind(id, port);
        if (bound) continue;
        log(LogLevel::kError, "listener_refused", {{"customer", id.owner}, {"reason", bound.error().what}});
        if (id.owner.empty()) {
            report.exit_status = kFailed;
            report.summary = bound.error().what;
            return false;
        }
        add_text(report, Kind::kNote, id.owner, "refused: " + bound.error().what);
        round.failed = true;
        refused.insert(id.owner);
    }
    revert_customers(refused, round);
    return true;
}

// These customers keep their present configuration; new ones are left out.
void Reconciler::revert_customers(const std::set<std::string>& customers, Round& round) {
    if (customers.empty()) return;
    for (auto& accepted : round.next.customers) {
        if (customers.contains(accepted->customer.id)) accepted = current_.share(accepted->customer.id);
    }
    std::erase(round.next.customers, nullptr);
    config::set_above(round.next);  // those above them may be others than when they came into force
}

// Records the outcome of one customer's stack. False: the customer is refused.
bool Reconciler::record_outcome(const config::AcceptedCustomer& accepted, const Result<StackKeeper::Outcome>& outcome,
                                Round& round, Report& report) {
    const std::string& id = accepted.customer.id;
    if (!outcome) {
        unsound_.insert(id);
        log(LogLevel::kError, "customer_refused", {{"customer", id}, {"reason", outcome.error().what}});
        add_text(report, Kind::kNote, id, "refused: " + outcome.error().what);
        round.failed = true;
        const config::AcceptedCustomer* const before = current_.find(id);
        const bool stays_parked = round.parked.contains(id);
        if (stays_parked) unsound_.erase(id);
        if (before != nullptr && !stays_parked) {
            learned_.prepare(before->customer);
            const auto back = stacks_.bring_up(before->customer);
            if (back && back->has_new_tunnel) view_.forget_tunnel(id);
            if (!back && !stacks_.has_tunnel(id)) standing_.insert(id);  // it is not parked: it is to be mended
            if (!back)
                add_text(report, Kind::kIncomplete, id,
                         back.error().what + "; the stack is not as configured, and Warren retries");
        }
        return false;
    }
    unsound_.erase(id);
    for (const std::string& step : outcome->steps) add_text(report, Kind::kStep, id, step);
    if (outcome->is_new) round.created.push_back(id);
    if (outcome->has_new_tunnel) view_.forget_tunnel(id);
    if (outcome->has_new_tunnel) learned_.note_new(accepted.customer);
    record_problems(id, outcome->problems);
    if (!outcome->steps.empty())
        log(LogLevel::kInfo, "stack_changed",
            {{"customer", id},
             {"steps", std::to_string(outcome->steps.size())},
             {"new", outcome->is_new ? "true" : "false"}});
    return true;
}

void Reconciler::record_problems(const std::string& customer, const std::vector<std::string>& problems) {
    incomplete_.erase(customer);
    if (!problems.empty()) incomplete_[customer] = problems.front();
}

std::unordered_set<std::string> Reconciler::stacks_in_doubt(const config::Generation& next) const {
    std::unordered_set<std::string> out;
    for (const auto& accepted : next.customers) {
        const std::string& id = accepted->customer.id;
        if (is_changed(*accepted) || incomplete_.contains(id) || unsound_.contains(id)) out.insert(id);
    }
    return out;
}

// The customers whose stacks must be checked, and as many others as one round allows, by id.
std::vector<std::shared_ptr<const config::AcceptedCustomer>> Reconciler::stacks_to_check(
    const config::Generation& next) {
    std::unordered_set<std::string> turn = stacks_in_doubt(next);
    patrol_.begin(next, turn);
    for (std::string& id : patrol_.pop(kChecksPerApply)) turn.insert(std::move(id));
    std::vector<std::shared_ptr<const config::AcceptedCustomer>> out;
    std::copy_if(next.customers.begin(), next.customers.end(), std::back_inserter(out), [&](const auto& accepted) {
        return turn.contains(accepted->customer.id) && !is_parked(accepted->customer);
    });
    return out;
}

// False when a stop signal is pending.
bool Reconciler::bring_up_stacks(Round& round, Report& report) {
    std::set<std::string> refused;
    const auto turn = stacks_to_check(round.next);
    const std::size_t others = sockets_.size() + kSpareDescriptors;
    stacks_.limit_tunnels(options_.max_descriptors > others ? options_.max_descriptors - others : 0);
    for (std::size_t begin = 0; begin < turn.size(); begin += kStacksAtOnce) {
        if (options_.should_stop()) {
            report.exit_status = kFailed;
            report.summary = "interrupted";
            return false;
        }
        const auto some = std::span(turn).subspan(begin, std::min(kStacksAtOnce, turn.size() - begin));
        std::vector<const config::Customer*> customers;
        for (const auto& accepted : some) {
            const std::string& id = accepted->customer.id;
            customers.push_back(&accepted->customer);
            learned_.prepare(accepted->customer);
            round.checked.insert(id);
            const config::AcceptedCustomer* const before = current_.find(id);
            if (before != nullptr && is_parked(before->customer)) round.parked.insert(id);
        }
        const auto outcomes = stacks_.bring_up(customers);
        for (std::size_t i = 0; i < some.size(); ++i) {
            if (!record_outcome(*some[i], outcomes[i], round, report)) refused.insert(some[i]->customer.id);
        }
    }
    revert_customers(refused, round);
    return true;
}

// --- delivering ----------------------------------------------------------------------------------

Status Reconciler::deliver(VpndLink& link, const config::Generation& next, const std::set<std::string>& present,
                           bool full, const std::function<Status()>& before_commit) {
    const ListenerPorts listeners = listeners_of(next);
    options_.tell_secrets(link, next, false);
    Status delivered = view_.deliver(
        link, {number_, next, listeners, sockets_, stacks_, options_.numbers, present, full, before_commit, seen_,
               // One that waits for its repair keeps its tunnels meanwhile, as one that is parked.
               [](const config::Customer& customer) { return config::is_parkable(customer); },
               [this](const config::Customer& customer) { return learned_.networks_of(customer); }});
    if (delivered) {
        seen_.clear();
        options_.tell_secrets(link, next, true);
    }
    if (!delivered && delivered.error().code != ErrorCode::kInvalid) link.close();
    return delivered;
}

// False: vpnd rejected it, and everything is as before.
bool Reconciler::deliver_changes(VpndLink& link, Round& round, Report& report) {
    ++number_;
    if (!link.is_connected()) {
        add_text(report, Kind::kNote, "", std::string("vpnd is not running; ") + kOwed);
        report.is_owed = true;
        return true;
    }
    mark_changes(round.next);
    Status delivered = deliver(link, round.next, round.present, false);
    const bool keeps_unknown = std::any_of(round.present.begin(), round.present.end(),
                                           [&](const std::string& id) { return round.next.find(id) == nullptr; });
    if (!delivered && link.is_connected() && keeps_unknown) {
        // What vpnd still has of customers whose files have errors clashes with the rest.
        log(LogLevel::kWarn, "invalid_customers_dropped", {{"reason", delivered.error().what}});
        delivered = deliver(link, round.next, round.present, true);
    }
    if (delivered) return true;
    log(LogLevel::kError, "generation_not_applied",
        {{"generation", std::to_string(number_)}, {"reason", delivered.error().what}});
    if (!link.is_connected()) {
        add_text(report, Kind::kNote, "", delivered.error().what + "; " + kOwed);
        report.is_owed = true;
        return true;
    }
    report.exit_status = kFailed;
    report.summary = delivered.error().what;
    return false;
}

void Reconciler::roll_back(const Round& round) {
    for (const std::string& id : round.created) {
        const config::AcceptedCustomer* const before = current_.find(id);
        const bool was_parked = before != nullptr && config::is_parkable(before->customer) && view_.is_parked(id);
        if (before != nullptr && !was_parked) continue;
        if (stacks_.take_down(id) || before == nullptr) continue;
        standing_.insert(id);  // a part of it is there
        patrol_.hurry(id);
    }
    for (const auto& accepted : round.next.customers) {
        if (!is_changed(*accepted)) continue;
        const config::AcceptedCustomer* before = current_.find(accepted->customer.id);
        if (before == nullptr || is_parked(before->customer)) continue;
        learned_.prepare(before->customer);
        const auto back = stacks_.bring_up(before->customer);
        if (back) continue;
        log(LogLevel::kError, "roll_back_failed", {{"customer", accepted->customer.id}, {"reason", back.error().what}});
        if (stacks_.has_tunnel(accepted->customer.id)) continue;
        standing_.insert(accepted->customer.id);  // it is not parked: it is to be mended
        patrol_.hurry(accepted->customer.id);
    }
}

void Reconciler::remove_gone(Round& round, Report& report) {
    std::set<std::string> known = round.present;
    for (const auto& accepted : round.next.customers) known.insert(accepted->customer.id);
    std::erase_if(departing_, [&](const auto& each) {
        return known.contains(each.first) || each.first == round.removed || round.removals == Removals::kAllowed;
    });
    for (const std::string& id : round.departing) {
        Departure& departure = departing_[id];
        departure.when = round.now + kGrace;
        if (const config::AcceptedCustomer* before = current_.find(id)) {
            departure.is_known = true;
            departure.handoff = before->customer.handoff;
        }
        log(LogLevel::kWarn, "customer_departing", {{"customer", id}});
        add_text(report, Kind::kChange, id,
                 "keep the stack without tunnels for a minute (at once: vpnctl apply --remove)");
    }
    for (const auto& [id, departure] : departing_) known.insert(id);
    if (round.keeps_stacks) return;
    const auto gone = stacks_.orphans(known);
    if (!gone) {
        log(LogLevel::kError, "stacks_not_listed", {{"reason", gone.error().what}});
        round.failed = true;
        return;
    }
    for (const std::string& id : *gone) {
        const Status removed = stacks_.take_down(id);
        if (!removed) {
            log(LogLevel::kError, "stack_not_removed", {{"customer", id}, {"reason", removed.error().what}});
            add_text(report, Kind::kNote, id, "not removed: " + removed.error().what);
            round.failed = true;
            continue;
        }
        add_text(report, Kind::kStep, id, "remove the stack");
        log(LogLevel::kInfo, "stack_removed", {{"customer", id}});
        incomplete_.erase(id);
        unsound_.erase(id);
        repairs_.erase(id);
    }
}

void Reconciler::return_devices(Round& round, Report& report) {
    const auto steps = stacks_.return_devices();
    if (!steps) {
        log(LogLevel::kError, "device_not_returned", {{"reason", steps.error().what}});
        add_text(report, Kind::kNote, "", steps.error().what);
        round.failed = true;
        return;
    }
    for (const std::string& step : *steps) {
        add_text(report, Kind::kStep, "", step);
        log(LogLevel::kInfo, "device_returned", {{"step", step}});
    }
}

void Reconciler::accept(VpndLink& link, Round& round, Report& report) {
    current_ = std::move(round.next);
    present_ = std::move(round.present);
    has_accepted_ = true;
    std::erase_if(standing_, [this](const std::string& id) { return stacks_.has_tunnel(id) || !current_.find(id); });
    // A stack that stays for a while after its customer left is not waited for.
    std::erase_if(incomplete_, [this](const auto& each) { return current_.find(each.first) == nullptr; });
    last_good_ = std::move(round.last_good);
    learned_.follow(current_);
    (void)note_changes(round.checked);  // those that were not checked are queued already
    close_unused_listeners();
    report.accepted = true;
    // A removed stack may have returned a device that another one waits for.
    if (needs_mending()) mend(link);
    for (const auto& [id, problem] : incomplete_) {
        add_text(report, Kind::kIncomplete, id, problem + "; the stack runs without it, and Warren retries");
        log(LogLevel::kWarn, "stack_degraded", {{"customer", id}, {"reason", problem}});
        round.failed = true;
    }
    if (report_unwoken(report)) round.failed = true;
    report.exit_status = round.failed ? kFailed : (round.invalid ? kAnswerIsNo : 0);
    report.summary = "generation " + std::to_string(number_) + ": " + counted(current_.customers.size(), "customer");
    if (has_patrol())
        report.summary += "; " + counted(patrol_.waiting(), "unchanged stack") + " to be checked in the background";
    if (uses_last_good()) {
        report.summary += "; the last good configuration is used instead of the files";
    } else if (round.invalid) {
        report.summary += "; customers whose files have errors stay as they were";
    }
    if (round.failed) report.summary += "; some changes failed";
}

// std::vector<Listener> that neither the configuration in force nor vpnd uses.
void Reconciler::close_unused_listeners() {
    ListenerPorts needed = listeners_of(current_);
    needed.insert(view_.listeners().begin(), view_.listeners().end());
    sockets_.keep_only(needed);
}

Report Reconciler::apply(VpndLink& link, Removals removals, Instant now, const std::string& removed,
                         const Source& source) {
    Report report;
    Round round;
    round.source = source;
    round.removals = removals;
    round.removed = removed;
    round.now = now;
    carry_out(link, round, report);
    pass_missed_tunnels(link);
    const std::vector<ipc::ControlText> before = std::exchange(problems_, {});
    std::copy_if(report.texts.begin(), report.texts.end(), std::back_inserter(problems_),
                 [](const ipc::ControlText& text) {
                     return text.kind != Kind::kChange && text.kind != Kind::kStep && text.kind != Kind::kQuestion;
                 });
    if (!report.accepted) {
        problems_.push_back({Kind::kNote, "", report.summary});
        keep_incomplete(before);
    }
    if (!source.only.empty()) keep_unseen(source.only, before);
    update_unserved();
    update_pending_workers();
    update_last_good();
    return report;
}

void Reconciler::carry_out(VpndLink& link, Round& round, Report& report) {
    const std::uint64_t before = number_;
    if (!settle_renames(report)) return;
    if (number_ != before) deliver_names(link);
    const bool loaded = load(round, report);
    for (const ipc::ControlText& text : report.texts)
        log(LogLevel::kWarn, "diagnostic_reported", {{"customer", text.customer}, {"text", first_line(text.text)}});
    if (!loaded) return;
    report_changes(round, report);
    // Only before the first vpnd: later the number of sockets must match the workers of the running one, and
    // set_workers() comes with its replacement.
    if (number_ == 0 && !link.is_connected()) sockets_.set_workers(wanted_workers(round.next));
    stacks_.set_workers(workers());
    if (!rename_customers(round, report)) return;
    if (bring_into_force(link, round, report)) {
        remove_gone(round, report);
        return_devices(round, report);
        accept(link, round, report);
        return;
    }
    // Whoever is started next does not know the old names.
    if (!options_.should_stop() && !round.renames.empty()) {
        if (const Status back = rename(reversed(round.renames)); !back) {
            log(LogLevel::kError, "rename_not_undone", {{"reason", back.error().what}});
            if (!stacks_.has_names_in_doubt()) deliver_names(link);
        }
    }
    close_unused_listeners();
}

bool Reconciler::bring_into_force(VpndLink& link, Round& round, Report& report) {
    free_devices(round);
    if (const Status seen = stacks_.observe_uplink(); !seen) {
        report.exit_status = kFailed;
        report.summary = seen.error().what;
        return false;
    }
    size_neighbour_tables(round.next, report);
    find_standing(round.next);
    if (!bind_listeners(round, report) || !bring_up_stacks(round, report)) return false;
    if (deliver_changes(link, round, report)) return true;
    roll_back(round);
    return false;
}

// --- vpnd starts, the uplink changes -------------------------------------------------------------

void Reconciler::adopt(Holdings holdings, const std::vector<Rename>& renames) {
    ListenerPorts ports;
    std::set<std::string> tunnels;
    std::vector<ipc::ListenerId> stale;
    for (auto& [id, held] : holdings.listeners) {
        ports[id] = {held.protocol, held.port};
        if (!sockets_.adopt(id, ports[id], held.roles, std::move(held.descriptors))) stale.push_back(id);
    }
    for (const auto& [id, tunnel] : holdings.tunnels) tunnels.insert(id);
    tunnels.insert(holdings.parked.begin(), holdings.parked.end());
    rename_keys(holdings.tunnels, renames);
    for (auto& [id, tunnel] : holdings.tunnels) stacks_.adopt_tunnel(id, std::move(tunnel));
    view_ = VpndView(std::move(ports), std::move(tunnels), std::move(holdings.parked));
    for (const ipc::ListenerId& id : stale) view_.forget_sockets(id);
    view_.rename(renames);
    number_ = std::max(number_, holdings.generation);
    sockets_.set_workers(holdings.workers);
    stacks_.set_workers(holdings.workers);
}

Status Reconciler::deliver_all(VpndLink& link, const std::function<Status()>& before_commit) {
    const VpndView before = std::exchange(view_, VpndView());
    Status delivered = deliver(link, current_, present_, true, before_commit);
    if (!delivered) view_ = before;
    learned_.follow(current_);
    if (delivered)
        std::erase_if(problems_,
                      [](const ipc::ControlText& text) { return text.customer.empty() && text.text.ends_with(kOwed); });
    update_unserved();
    update_pending_workers();
    return delivered;
}

}  // namespace warren::stacks
