// Between two calls of apply(): stacks that lack something, that somebody changed, or whose customer left, and another
// number of data workers.
#include <algorithm>
#include <string_view>

#include "base/kernel_names.h"
#include "base/log.h"
#include "config/customer_id.h"
#include "config/load.h"
#include "stacks/reconciler.h"

namespace warren::stacks {

namespace {

using Kind = ipc::ControlText::Kind;

constexpr std::uint8_t kFailed = 4;

constexpr std::string_view kRetries = "Warren retries";  // ends a problem of this file and of accept()
constexpr std::string_view kWorkers = "workers: ";       // begins the problem of update_pending_workers()

// Between two repairs of one stack by which the second counts as a consequence of the first.
constexpr Duration kSoon = std::chrono::seconds(5);
constexpr unsigned kRepairsInARow = 3;  // somebody may flush a firewall twice
constexpr Duration kFirstPause = std::chrono::seconds(5);
constexpr Duration kLongestPause = std::chrono::seconds(60);
constexpr std::size_t kChecksPerMend = 8;

// The stack with the one handoff cannot have its device while the stack with the other has it.
bool exclude_each_other(const config::Handoff& one, const config::Handoff& other) {
    using enum config::HandoffType;
    if (one.type == kVeth || other.type == kVeth || one.parent != other.parent) return false;
    if (one.type == kPhysical || other.type == kPhysical) return true;
    return one.type == kVlan && other.type == kVlan && one.vlan_id == other.vlan_id;
}

}  // namespace

bool Reconciler::needs_mending() const {
    return !incomplete_.empty() || !unwoken_.empty() || patrol_.has_put_off() ||
           std::any_of(unsound_.begin(), unsound_.end(),
                       [this](const std::string& id) { return current_.find(id) != nullptr; });
}

void Reconciler::replace_problem(const std::string& customer, const std::string& text, Kind kind) {
    std::erase_if(problems_, [&customer](const ipc::ControlText& each) {
        const bool is_of_a_stack = each.kind == Kind::kIncomplete || each.kind == Kind::kNote;
        return is_of_a_stack && each.customer == customer && each.text.ends_with(kRetries);
    });
    if (!text.empty()) problems_.push_back({kind, customer, text});
}

void Reconciler::mend(VpndLink& link) {
    if (!stacks_.observe_uplink()) return;
    bool is_stale = false;
    for (const auto& accepted : current_.customers) {
        const std::string& id = accepted->customer.id;
        if ((!incomplete_.contains(id) && !unsound_.contains(id)) || is_parked(accepted->customer)) continue;
        const auto outcome = stacks_.bring_up(accepted->customer);
        if (!outcome) {
            if (!stacks_.has_tunnel(id)) standing_.insert(id);  // it is not parked: it is to be mended
            continue;
        }
        unsound_.erase(id);
        record_problems(id, outcome->problems);
        is_stale = is_stale || view_.has_moved(accepted->customer, stacks_.uplink());
        if (outcome->has_new_tunnel) {
            view_.forget_tunnel(id);
            is_stale = true;
        }
        if (!outcome->problems.empty()) continue;
        log(LogLevel::kInfo, "stack_completed", {{"customer", id}});
        replace_problem(id, "");
    }
    if (is_stale) deliver_tunnels(link);
    retry_wakes(link);
    if (patrol_.has_put_off()) patrol(link, kChecksPerMend);
}

void Reconciler::follow_devices(VpndLink& link) {
    if (!stacks_.observe_uplink()) return;
    const auto& customers = current_.customers;
    const bool is_stale = std::any_of(customers.begin(), customers.end(), [this](const auto& accepted) {
        return view_.has_customer(accepted->customer.id) && view_.has_moved(accepted->customer, stacks_.uplink());
    });
    if (is_stale) deliver_tunnels(link);
}

Duration Reconciler::pause_after(const std::string& customer, const std::vector<std::string>& steps) {
    const Instant now = options_.clock();
    const auto found = repairs_.find(customer);
    const bool is_recent = found != repairs_.end() && now - found->second.at <= found->second.pause + kSoon;
    if (steps.empty()) {
        if (!is_recent && found != repairs_.end()) repairs_.erase(found);
        return Duration(0);
    }
    Repair repair{steps, now, 1, Duration(0)};
    if (is_recent && found->second.steps == steps) {
        repair.times = found->second.times + 1;
        if (repair.times >= kRepairsInARow)
            repair.pause = std::clamp(2 * found->second.pause, kFirstPause, kLongestPause);
    }
    const Duration pause = repair.pause;
    repairs_[customer] = std::move(repair);
    if (pause > Duration(0)) patrol_.put_off(customer, now + pause);
    return pause;
}

bool Reconciler::note_changes(const std::unordered_set<std::string>& ours) {
    const StackChanges changes = stacks_.take_changes();
    if (changes.lost) learned_.note_all(current_);
    const std::size_t prefix = std::string_view(kNamespacePrefix).size();
    for (const std::string& name : changes.names) {
        const std::string id = name.substr(prefix);
        if (current_.find(id) != nullptr && !ours.contains(id)) patrol_.hurry(id);
    }
    for (const std::string& name : changes.learned) {
        if (const auto* const accepted = current_.find(name.substr(prefix))) learned_.note(accepted->customer);
    }
    return changes.lost;
}

void Reconciler::deliver_tunnels(VpndLink& link) {
    if (!link.is_connected()) return;
    ++number_;
    if (const Status delivered = deliver(link, current_, present_, false); !delivered)
        log(LogLevel::kError, "generation_not_applied", {{"reason", delivered.error().what}});
}

void Reconciler::follow_learned(VpndLink& link) {
    bool is_stale = false;
    for (LearnedKeeper::Changed& changed : learned_.look(current_)) {
        const std::string& id = changed.customer;
        const auto accepted = current_.share(id);
        const config::Customer& customer = accepted->customer;
        learned_.prepare(customer);
        // Rules that name a peer know its new networks before vpnd accepts a packet from there.
        if (!customer.firewall.rules.empty() || customer.stack.queues != 1) {
            const auto outcome = stacks_.bring_up(customer);
            if (outcome && outcome->has_new_tunnel) view_.forget_tunnel(id);
            if (!outcome) {
                unsound_.insert(id);
                log(LogLevel::kError, "stack_not_mended", {{"customer", id}, {"reason", outcome.error().what}});
                keep_learned(accepted, std::move(changed.before));
                continue;
            }
        }
        view_.mark_changed(id);
        is_stale = true;
    }
    if (is_stale) deliver_tunnels(link);
}

// A part of its firewall may know what vpnd is not told of.
void Reconciler::keep_learned(const std::shared_ptr<const config::AcceptedCustomer>& accepted, Learned before) {
    const config::Customer& customer = accepted->customer;
    learned_.withhold(accepted, std::move(before));
    learned_.prepare(customer);
    const auto back = stacks_.bring_up(customer);
    if (back && back->has_new_tunnel) view_.forget_tunnel(customer.id);
}

void Reconciler::patrol(VpndLink& link, std::size_t count) {
    bool is_stale = false;
    for (const std::string& id : patrol_.pop(count, options_.clock())) {
        const config::AcceptedCustomer* accepted = current_.find(id);
        if (accepted == nullptr || is_parked(accepted->customer)) continue;
        const auto outcome = stacks_.bring_up(accepted->customer);
        if (!outcome) {
            unsound_.insert(id);
            if (!stacks_.has_tunnel(id)) standing_.insert(id);  // it is not parked: it is to be mended
            replace_problem(id, outcome.error().what + "; the stack is not as configured, and Warren retries");
            log(LogLevel::kError, "stack_not_mended", {{"customer", id}, {"reason", outcome.error().what}});
            (void)pause_after(id, {outcome.error().what});
            continue;
        }
        unsound_.erase(id);
        record_problems(id, outcome->problems);
        const Duration pause = pause_after(id, outcome->steps);
        std::string problem;
        Kind kind = Kind::kIncomplete;
        if (!outcome->problems.empty()) {
            problem = outcome->problems.front() + "; the stack runs without it, and Warren retries";
        } else if (pause > Duration(0)) {
            kind = Kind::kNote;  // each time the stack is complete again
            problem = "somebody undoes what Warren mends: " + outcome->steps.front() + "; Warren retries";
        }
        replace_problem(id, problem, kind);
        if (pause > Duration(0))
            log(LogLevel::kWarn, "stack_contended",
                {{"customer", id},
                 {"step", outcome->steps.front()},
                 {"retry_s", std::to_string(std::chrono::duration_cast<std::chrono::seconds>(pause).count())}});
        if (!outcome->problems.empty()) {
            log(LogLevel::kWarn, "stack_degraded", {{"customer", id}, {"reason", outcome->problems.front()}});
        }
        if (outcome->has_new_tunnel) {
            view_.forget_tunnel(id);
            learned_.note_new(accepted->customer);
            is_stale = true;
        }
        for (const std::string& step : outcome->steps)
            log(LogLevel::kWarn, "stack_mended", {{"customer", id}, {"step", step}});
    }
    if (is_stale) deliver_tunnels(link);
}

// --- another number of data workers --------------------------------------------------------------

void Reconciler::update_pending_workers() {
    std::erase_if(problems_, [](const ipc::ControlText& text) {
        return text.customer.empty() && text.text.starts_with(kWorkers);
    });
    if (std::string text = pending_workers(); !text.empty()) problems_.push_back({Kind::kNote, "", std::move(text)});
}

std::string Reconciler::only_in_vpnd(const config::Generation& generation, const std::set<std::string>& present) const {
    const auto found = std::find_if(present.begin(), present.end(), [&](const std::string& id) {
        return generation.find(id) == nullptr && view_.has_customer(id);
    });
    return found == present.end() ? std::string() : *found;
}

std::string Reconciler::pending_workers() const {
    if (workers() == wanted_workers()) return {};
    const std::string text = std::string(kWorkers) + std::to_string(wanted_workers()) +
                             " is not in force, vpnd goes on with " + std::to_string(workers());
    if (const Status fits = check_workers(); !fits) return text + ": " + fits.error().what;
    const std::string kept = only_in_vpnd();
    if (kept.empty()) return text + "; vpnctl restart vpnd changes it, and clients notice nothing";
    const std::string problem = problem_of(kept);
    return text + " until customer " + kept + " can be applied" + (problem.empty() ? "" : " (" + problem + ")") +
           ": another vpnd would not serve it; vpnctl restart vpnd changes it all the same";
}

std::string Reconciler::problem_of(const std::string& customer) const {
    const auto found = std::find_if(problems_.begin(), problems_.end(),
                                    [&](const ipc::ControlText& text) { return text.customer == customer; });
    return found == problems_.end() ? std::string() : found->text.substr(0, found->text.find('\n'));
}

// Of the tunnels of `generation`, and of the listeners at most.
Status Reconciler::check_resize(std::uint32_t workers, const config::Generation& generation) const {
    if (workers == this->workers()) return {};
    if (stacks_.has_names_in_doubt())
        return fail(ErrorCode::kUnavailable,
                    "customers are between two names, and their tunnels cannot be fitted to it");
    if (workers < this->workers()) return {};
    std::size_t needed = kSpareDescriptors + sockets_.size();
    needed += 2 * view_.listeners().size() * (workers - this->workers());  // IPv4 and IPv6
    for (const auto& accepted : generation.customers)
        needed += is_parked(accepted->customer) ? 0 : std::min<std::size_t>(accepted->customer.stack.queues, workers);
    if (needed <= options_.max_descriptors) return {};
    return fail(ErrorCode::kUnavailable,
                "with " + std::to_string(workers) + " workers tunnels and listeners need " + std::to_string(needed) +
                    " descriptors; the limit of open files is " + std::to_string(options_.max_descriptors) +
                    " (raise it: ulimit -Hn, or LimitNOFILE= of warren.service and warren-vpnd@.service)");
}

Status Reconciler::set_workers(std::uint32_t workers) {
    WARREN_TRY(check_resize(workers, current_));
    return resize(workers);
}

Status Reconciler::resize(std::uint32_t workers) {
    WARREN_TRY(sockets_.resize(workers));
    stacks_.set_workers(workers);
    update_pending_workers();
    return {};
}

void Reconciler::fit_queues() {
    for (const auto& accepted : current_.customers) {
        const std::string& id = accepted->customer.id;
        if (accepted->customer.stack.queues == 1) continue;
        const auto outcome = stacks_.bring_up(accepted->customer);
        if (!outcome) {
            unsound_.insert(id);
            view_.forget_tunnel(id);
            stacks_.close_tunnel(id);  // vpnd refuses more queues than it has workers
            replace_problem(id, outcome.error().what + "; the stack is not as configured, and Warren retries");
            log(LogLevel::kError, "stack_not_mended", {{"customer", id}, {"reason", outcome.error().what}});
            continue;
        }
        if (outcome->has_new_tunnel) view_.forget_tunnel(id);
    }
}

void Reconciler::keep_workers(VpndLink& link, std::uint32_t workers) {
    if (workers == sockets_.workers()) return;
    // It has all the sockets of this number.
    if (const Status back = resize(workers); !back)
        log(LogLevel::kError, "roll_back_failed", {{"reason", back.error().what}});
    close_surplus();
    fit_queues();
    deliver_tunnels(link);
}

// Which stacks there are is unknown, and so how many would go.
bool Reconciler::settle_unlisted(Round& round, config::Loaded& loaded, const Error& error, Report& report) {
    if (round.keeps_stacks) return true;  // decided before
    log(LogLevel::kError, "stacks_not_listed", {{"reason", error.what}});
    if (round.removals == Removals::kAsk) {
        report.exit_status = kFailed;
        report.summary = "nothing applied: the stacks of customers without files cannot be listed: " + error.what;
        return false;
    }
    std::vector<std::string> gone;
    for (const auto& accepted : current_.customers) {
        const std::string& id = accepted->customer.id;
        const bool is_renamed = std::any_of(round.renames.begin(), round.renames.end(),
                                            [&id](const Rename& rename) { return rename.from == id; });
        if (!round.present.contains(id) && !is_renamed) gone.push_back(id);
    }
    keep_customers(gone, round, loaded);
    round.keeps_stacks = true;
    round.failed = true;
    report.texts.push_back(
        {Kind::kNote, "", "no stack is removed, because the stacks cannot be listed: " + error.what});
    return true;
}

// As customers whose files have errors.
void Reconciler::keep_customers(const std::vector<std::string>& ids, Round& round, config::Loaded& loaded) const {
    for (const std::string& id : ids) {
        config::LoadedCustomer kept;
        kept.customer.id = id;
        kept.file = options_.config_directory + "/" + config::customer_file(id);
        loaded.customers.push_back(std::move(kept));
        round.present.insert(id);
    }
    std::sort(loaded.customers.begin(), loaded.customers.end(),
              [](const auto& a, const auto& b) { return a.value().id < b.value().id; });
}

void Reconciler::free_devices(Round& round) {
    std::vector<const config::Handoff*> needed;
    for (const auto& accepted : round.next.customers) {
        const auto& handoff = accepted->customer.handoff;
        if (!handoff || handoff->type == config::HandoffType::kVeth) continue;
        const config::AcceptedCustomer* before = current_.find(accepted->customer.id);
        if (before == nullptr || before->customer.handoff != handoff || incomplete_.contains(accepted->customer.id))
            needed.push_back(&*handoff);
    }
    const auto is_in_the_way = [&needed](const std::optional<config::Handoff>& held) {
        return held && std::any_of(needed.begin(), needed.end(), [&held](const config::Handoff* handoff) {
                   return exclude_each_other(*handoff, *held);
               });
    };
    std::erase_if(round.departing, [&](const std::string& id) {
        const config::AcceptedCustomer* before = current_.find(id);
        return before == nullptr ? !needed.empty() : is_in_the_way(before->customer.handoff);
    });
    for (auto& [id, departure] : departing_) {
        if (round.present.contains(id)) continue;
        if (departure.is_known ? is_in_the_way(departure.handoff) : !needed.empty()) departure.when = kLongAgo;
    }
    remove_departed(kLongAgo);
}

void Reconciler::remove_departed(Instant now) {
    for (auto it = departing_.begin(); it != departing_.end();) {
        if (now < it->second.when) {
            ++it;
            continue;
        }
        const std::string id = it->first;
        it = departing_.erase(it);
        if (const Status removed = stacks_.take_down(id); !removed) {
            log(LogLevel::kError, "stack_not_removed", {{"customer", id}, {"reason", removed.error().what}});
            continue;
        }
        log(LogLevel::kInfo, "stack_removed", {{"customer", id}});
        incomplete_.erase(id);
        unsound_.erase(id);
        repairs_.erase(id);
    }
}

Instant Reconciler::next_departure() const {
    Instant next = kNever;
    for (const auto& [id, departure] : departing_) next = std::min(next, departure.when);
    return next;
}

}  // namespace warren::stacks
