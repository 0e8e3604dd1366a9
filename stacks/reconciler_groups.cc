// Which customers of the fleet's groups this node serves (docs/fleet.md).
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "base/log.h"
#include "config/named_secrets.h"
#include "stacks/reconciler.h"

namespace warren::stacks {

namespace {

std::shared_ptr<const config::AcceptedCustomer> copy_of(const config::AcceptedCustomer& accepted,
                                                        config::CustomerState state, std::vector<IpAddress> sources) {
    auto out = std::make_shared<config::AcceptedCustomer>(config::copy_of(accepted));
    out->customer.state = state;
    out->customer.sources = std::move(sources);
    return out;
}

}  // namespace

std::set<std::string> Reconciler::apply_groups(config::Generation& generation) const {
    using State = config::CustomerState;
    std::set<std::string> changed;
    for (auto& accepted : generation.customers) {
        const config::Customer& customer = accepted->customer;
        if (!customer.group && customer.state != State::kStandby) continue;
        const auto served = customer.group ? served_.find(*customer.group) : served_.end();
        const bool is_served = !customer.group || served != served_.end();
        State state = is_served ? State::kActive : State::kStandby;
        if (customer.state == State::kSuspended) state = State::kSuspended;
        const std::vector<IpAddress> sources = served != served_.end() ? served->second : std::vector<IpAddress>();
        if (customer.state == state && customer.sources == sources) continue;
        changed.insert(customer.id);
        accepted = copy_of(*accepted, state, sources);
    }
    return changed;
}

// Without a fleet nobody would ever serve them.
void Reconciler::report_groups(const config::Generation& generation, Report& report) const {
    if (::access((options_.config_directory + "/fleet.toml").c_str(), F_OK) == 0) return;
    for (const auto& accepted : generation.customers) {
        if (!accepted->customer.group) continue;
        report.texts.push_back({ipc::ControlText::Kind::kNote, accepted->customer.id,
                                "not served: its file has a group, and this node belongs to no fleet: there is no " +
                                    options_.config_directory + "/fleet.toml"});
    }
}

Reconciler::GroupSize Reconciler::size_of(std::uint16_t group) const {
    GroupSize size;
    for (const auto& accepted : current_.customers) {
        if (accepted->customer.group != group) continue;
        ++size.customers;
        if (!stacks_.tunnel(accepted->customer.id).empty() || is_parked(accepted->customer)) ++size.stacks;
    }
    return size;
}

bool Reconciler::has_groups() const {
    return std::any_of(current_.customers.begin(), current_.customers.end(),
                       [](const auto& accepted) { return accepted->customer.group.has_value(); });
}

std::vector<ipc::ControlText> Reconciler::customers_of(std::uint16_t group) const {
    std::vector<ipc::ControlText> out;
    for (const auto& accepted : current_.customers) {
        if (accepted->customer.group != group) continue;
        out.push_back({ipc::ControlText::Kind::kFact, accepted->customer.id,
                       accepted->customer.state == config::CustomerState::kStandby ? "standby" : "served"});
    }
    return out;
}

// Those that get networks by what they have learned: their firewalls know these before vpnd does. One whose stack
// cannot be brought up is served without them.
std::vector<std::string> Reconciler::prepare_learned(const std::set<std::string>& changed,
                                                     const config::Generation& next) {
    std::vector<std::string> out;
    for (const auto& accepted : next.customers) {
        const config::Customer& customer = accepted->customer;
        if (!changed.contains(customer.id) || !LearnedKeeper::may_learn(customer)) continue;
        if (customer.state != config::CustomerState::kActive) continue;
        learned_.prepare(customer);
        out.push_back(customer.id);
        const auto outcome = stacks_.bring_up(customer);
        if (outcome && outcome->has_new_tunnel) view_.forget_tunnel(customer.id);
        if (!outcome) keep_learned(accepted, learned_.in_force(customer.id));
    }
    return out;
}

// The tunnels come first: they are what is waited for. What was bound stays bound, and no other stack is looked at.
Report Reconciler::serve_groups(VpndLink& link, Served served, const SeenPeers& seen) {
    Report report;
    if (stacks_.has_names_in_doubt()) {
        report.exit_status = 4;
        report.summary = "it is in doubt which stack has which name; Warren retries";
        return report;
    }
    const Served before = std::exchange(served_, std::move(served));
    Round round;
    round.next.appliance = current_.appliance;
    round.next.secrets = current_.secrets.only(config::secrets_of(current_.appliance));
    round.next.text = current_.text;
    round.next.customers = current_.customers;
    round.present = present_;
    const std::set<std::string> changed = apply_groups(round.next);
    report.accepted = true;
    report.summary = std::to_string(changed.size()) + " customers";
    if (changed.empty()) return report;

    const SeenPeers seen_before = seen_;
    for (const auto& [peer, where] : seen) seen_[peer] = where;
    const std::vector<std::string> prepared = prepare_learned(changed, round.next);
    if (!deliver_changes(link, round, report)) {
        for (const std::string& id : prepared) {
            learned_.prepare(current_.find(id)->customer);
            patrol_.hurry(id);
        }
        seen_ = seen_before;
        served_ = before;
        report.accepted = false;
        return report;
    }
    current_ = std::move(round.next);
    learned_.follow(current_);
    if (const Status observed = stacks_.observe_uplink(); !observed)
        log(LogLevel::kWarn, "uplink_not_observed", {{"reason", observed.error().what}});
    for (const auto& accepted : current_.customers) {
        const config::Customer& customer = accepted->customer;
        if (!changed.contains(customer.id)) continue;
        if (!customer.handoff && !LearnedKeeper::may_learn(customer)) continue;
        round.checked.insert(accepted->customer.id);
        learned_.prepare(accepted->customer);
        (void)record_outcome(*accepted, stacks_.bring_up(accepted->customer), round, report);
    }
    if (note_changes(round.checked)) begin_patrol();
    return report;
}

}  // namespace warren::stacks
