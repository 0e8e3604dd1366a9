// Between two calls of apply(): stacks that lack something, that somebody changed, or whose customer left.
#include <algorithm>
#include <string_view>

#include "base/kernel_names.h"
#include "base/log.h"
#include "stacks/reconciler.h"

namespace warren::stacks {

namespace {

using Kind = ipc::ControlText::Kind;

constexpr std::string_view kRetries = "Warren retries";  // ends a problem of this file and of accept()

}  // namespace

bool Reconciler::needs_mending() const {
    return !incomplete_.empty() || std::any_of(unsound_.begin(), unsound_.end(),
                                               [this](const std::string& id) { return current_.find(id) != nullptr; });
}

void Reconciler::replace_problem(const std::string& customer, const std::string& text) {
    std::erase_if(problems_, [&customer](const ipc::ControlText& each) {
        return each.kind == Kind::kNote && each.customer == customer && each.text.ends_with(kRetries);
    });
    if (!text.empty()) problems_.push_back({Kind::kNote, customer, text});
}

void Reconciler::mend(VpndLink& link) {
    if (!stacks_.observe_uplink()) return;
    bool is_stale = false;
    for (const auto& accepted : current_.customers) {
        const std::string& id = accepted->customer.id;
        if (!incomplete_.contains(id) && !unsound_.contains(id)) continue;
        const auto outcome = stacks_.bring_up(accepted->customer);
        if (!outcome) continue;
        unsound_.erase(id);
        record_problems(id, outcome->problems);
        if (outcome->has_new_tunnel) {
            view_.forget_tunnel(id);
            is_stale = true;
        }
        if (!outcome->problems.empty()) continue;
        log(LogLevel::kInfo, "stack_completed", {{"customer", id}});
        replace_problem(id, "");
    }
    if (is_stale) deliver_tunnels(link);
}

void Reconciler::note_changes(const std::unordered_set<std::string>& ours) {
    const StackChanges changes = stacks_.take_changes();
    if (changes.lost && ours.empty()) begin_patrol();
    const std::size_t prefix = std::string_view(kNamespacePrefix).size();
    for (const std::string& name : changes.names) {
        const std::string id = name.substr(prefix);
        if (current_.find(id) != nullptr && !ours.contains(id)) patrol_.hurry(id);
    }
}

void Reconciler::patrol(VpndLink& link, std::size_t count) {
    bool is_stale = false;
    for (const std::string& id : patrol_.pop(count)) {
        const config::AcceptedCustomer* accepted = current_.find(id);
        if (accepted == nullptr) continue;
        const auto outcome = stacks_.bring_up(accepted->customer);
        if (!outcome) {
            unsound_.insert(id);
            replace_problem(id, outcome.error().what + "; the stack is not as configured, and Warren retries");
            log(LogLevel::kError, "stack_not_mended", {{"customer", id}, {"reason", outcome.error().what}});
            continue;
        }
        unsound_.erase(id);
        record_problems(id, outcome->problems);
        replace_problem(id, outcome->problems.empty()
                                ? ""
                                : outcome->problems.front() + "; the stack runs without it, and Warren retries");
        if (!outcome->problems.empty()) {
            log(LogLevel::kWarn, "stack_degraded", {{"customer", id}, {"reason", outcome->problems.front()}});
        }
        if (outcome->has_new_tunnel) {
            view_.forget_tunnel(id);
            is_stale = true;
        }
        for (const std::string& step : outcome->steps)
            log(LogLevel::kWarn, "stack_mended", {{"customer", id}, {"step", step}});
    }
    if (is_stale) deliver_tunnels(link);
}

void Reconciler::remove_departed(Instant now) {
    for (auto it = departing_.begin(); it != departing_.end();) {
        if (now < it->second) {
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
    }
}

Instant Reconciler::next_departure() const {
    Instant next = kNever;
    for (const auto& [id, when] : departing_) next = std::min(next, when);
    return next;
}

}  // namespace warren::stacks
