#include "stacks/stack_keeper.h"

#include <algorithm>

namespace warren::stacks {

namespace {

std::vector<Sysctl> watched_sysctls(const DesiredStack& desired) {
    std::vector<Sysctl> all = desired.sysctls;
    for (const char* device : {kTunnelDevice, kHandoffDevice}) {
        if (device == kHandoffDevice && !desired.handoff) continue;
        std::vector<Sysctl> own = device_sysctls(device, true);
        std::move(own.begin(), own.end(), std::back_inserter(all));
    }
    return all;
}

template <typename T>
bool contains(const std::vector<Step>& steps) {
    return std::any_of(steps.begin(), steps.end(), [](const Step& step) { return std::holds_alternative<T>(step); });
}

// Other stacks may have a use for what comes home or goes away.
bool moves_uplink_devices(const std::vector<Step>& steps) {
    return std::any_of(steps.begin(), steps.end(), [](const Step& step) {
        const auto* create = std::get_if<CreateHandoff>(&step);
        return std::holds_alternative<ReturnHandoff>(step) || (create != nullptr && create->handoff.type == config::HandoffType::kPhysical);
    });
}

}  // namespace

Status StackKeeper::look_around() {
    auto uplink = kernel_.observe_uplink();
    if (!uplink) return tl::unexpected(uplink.error());
    uplink_ = std::move(*uplink);
    uplink_changed_ = false;
    return {};
}

Result<StackKeeper::Prospect> StackKeeper::look_at(const config::Customer& customer) {
    if (uplink_changed_) WARREN_TRY(look_around());
    Prospect prospect{desired_stack(customer, run_dir_), {}, {}};
    auto observed = kernel_.observe(prospect.desired.name, watched_sysctls(prospect.desired));
    if (!observed) return tl::unexpected(observed.error());
    prospect.observed = std::move(*observed);
    auto planned = plan(prospect.desired, prospect.observed, uplink_);
    if (!planned) return tl::unexpected(planned.error());
    prospect.plan = std::move(*planned);
    return prospect;
}

Result<StackKeeper::Outcome> StackKeeper::preview(const config::Customer& customer) {
    auto prospect = look_at(customer);
    if (!prospect) return tl::unexpected(prospect.error());
    Outcome outcome;
    for (const Step& step : prospect->plan.steps) outcome.steps.push_back(describe(step));
    outcome.problems = std::move(prospect->plan.problems);
    outcome.is_new = !prospect->observed.exists;
    return outcome;
}

Result<StackKeeper::Outcome> StackKeeper::bring_up(const config::Customer& customer) {
    auto prospect = look_at(customer);
    if (!prospect) return tl::unexpected(prospect.error());
    const std::vector<Step>& steps = prospect->plan.steps;
    uplink_changed_ = uplink_changed_ || moves_uplink_devices(steps);
    Outcome outcome;
    for (const Step& step : steps) outcome.steps.push_back(describe(step));
    outcome.problems = std::move(prospect->plan.problems);
    outcome.is_new = !prospect->observed.exists;
    outcome.has_new_tunnel = contains<CreateTunnel>(steps) || tunnel(customer.id) < 0;
    if (Status done = kernel_.carry_out(prospect->desired.name, steps); !done) {
        if (outcome.is_new) (void)take_down(customer.id);
        return tl::unexpected(std::move(done).error());
    }
    if (!outcome.has_new_tunnel) return outcome;
    // The descriptor of a device that is gone is of no use, and while it is open its namespace cannot go.
    tunnels_.erase(customer.id);
    auto opened = kernel_.take_tunnel(prospect->desired.name);
    if (!opened) return tl::unexpected(opened.error());
    tunnels_[customer.id] = std::move(*opened);
    return outcome;
}

Status StackKeeper::take_down(const std::string& customer) {
    tunnels_.erase(customer);
    const std::string name = namespace_name(customer);
    const auto observed = kernel_.observe(name, {});
    if (!observed) return tl::unexpected(observed.error());
    const auto planned = plan_removal(owner_mark(run_dir_, customer), *observed);
    if (!planned) return tl::unexpected(planned.error());
    uplink_changed_ = uplink_changed_ || moves_uplink_devices(planned->steps);
    return kernel_.carry_out(name, planned->steps);
}

Result<std::vector<std::string>> StackKeeper::bring_home() {
    WARREN_TRY(look_around());
    const std::vector<Step> steps = plan_homecoming(uplink_);
    WARREN_TRY(kernel_.carry_out("", steps));
    uplink_changed_ = !steps.empty();
    std::vector<std::string> done;
    for (const Step& step : steps) done.push_back(describe(step));
    return done;
}

Result<std::vector<std::string>> StackKeeper::others(const std::set<std::string>& known) {
    const auto names = kernel_.stack_names();
    if (!names) return tl::unexpected(names.error());
    std::vector<std::string> out;
    const std::string prefix = kNamespacePrefix;
    for (const std::string& name : *names) {
        const std::string customer = name.substr(prefix.size());
        if (known.contains(customer)) continue;
        const auto owner = kernel_.owner_of(name);
        if (!owner) return with_context(name, owner.error());
        if (*owner == owner_mark(run_dir_, customer)) out.push_back(customer);
    }
    return out;
}

int StackKeeper::tunnel(const std::string& customer) const {
    const auto found = tunnels_.find(customer);
    return found == tunnels_.end() ? -1 : found->second.get();
}

}  // namespace warren::stacks
