#include "stacks/stack_keeper.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/log.h"
#include "base/parallel.h"

namespace warren::stacks {

namespace {

// The kernel makes devices of all namespaces under one lock: more threads only wait for it.
constexpr std::size_t kMaxThreads = 4;

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

tl::unexpected<Error> no_room(std::size_t tunnels) {
    return fail(ErrorCode::kUnavailable,
                "no descriptor is left for this tunnel; stackd's limit of open files allows " +
                    std::to_string(tunnels) +
                    " (raise it: ulimit -Hn, or LimitNOFILE= of warren.service and warren-vpnd@.service)");
}

// Other stacks may need a device that returns to the uplink, or lose one that leaves it.
bool moves_uplink_devices(const std::vector<Step>& steps) {
    return std::any_of(steps.begin(), steps.end(), [](const Step& step) {
        const auto* create = std::get_if<CreateHandoff>(&step);
        return std::holds_alternative<ReturnHandoff>(step) ||
               (create != nullptr && create->handoff.type == config::HandoffType::kPhysical);
    });
}

}  // namespace

Status StackKeeper::observe_uplink() {
    auto uplink = kernel_.observe_uplink();
    if (!uplink) return tl::unexpected(uplink.error());
    uplink_ = std::move(*uplink);
    uplink_changed_ = false;
    return {};
}

Status StackKeeper::size_neighbour_tables(std::size_t stacks) {
    const std::uint32_t needed = needed_entries(stacks);
    auto tables = kernel_.neighbour_tables();
    if (!tables) return tl::unexpected(tables.error());
    Status raised;
    if (std::min(tables->v4, tables->v6) < needed && stacks > 0) {
        raised = kernel_.raise_neighbour_tables(needed);
        tables = kernel_.neighbour_tables();
        if (!tables) return tl::unexpected(tables.error());
    }
    neighbours_ = neighbours_per_stack(stacks, *tables);
    if (raised) return {};
    return fail(ErrorCode::kUnavailable,
                "the kernel's neighbour tables have " + std::to_string(std::min(tables->v4, tables->v6)) +
                    " entries for all network namespaces, and the stacks with a handoff or devices need " +
                    std::to_string(needed) + ": each may use " + std::to_string(neighbours_) +
                    " hosts of its LAN at a time; set net.ipv4.neigh.default.gc_thresh3 and "
                    "net.ipv6.neigh.default.gc_thresh3 to " +
                    std::to_string(needed) + " on the host (" + raised.error().what + ")");
}

std::vector<Kernel*> StackKeeper::kernels_for(std::size_t count) {
    const std::size_t threads = threads_for(count, kMaxThreads);
    while (extra_kernels_.size() + 1 < threads) {
        auto other = kernel_.another();
        if (!other) break;
        extra_kernels_.push_back(std::move(*other));
    }
    std::vector<Kernel*> kernels{&kernel_};
    for (const auto& other : extra_kernels_) {
        if (kernels.size() < threads) kernels.push_back(other.get());
    }
    return kernels;
}

Result<StackKeeper::Prospect> StackKeeper::prepare(Kernel& kernel, const config::Customer& customer) const {
    if (is_in_doubt(customer.id))
        return fail(ErrorCode::kUnavailable, "it was being renamed, and its namespace has no certain name");
    Prospect prospect{desired_stack(customer, run_dir_, workers_, neighbours_), {}, {}};
    if (const auto learned = learned_.find(customer.id); learned != learned_.end()) {
        // BIRD makes the routes.
        DesiredStack whole = desired_stack(with_learned(customer, learned->second), run_dir_, workers_, neighbours_);
        prospect.desired.firewall = std::move(whole.firewall);
        prospect.desired.steering = std::move(whole.steering);
    }
    auto observed = kernel.observe(prospect.desired.name, watched_sysctls(prospect.desired));
    if (!observed) return tl::unexpected(observed.error());
    prospect.observed = std::move(*observed);
    auto planned = plan(prospect.desired, prospect.observed, uplink_);
    if (!planned) return tl::unexpected(planned.error());
    prospect.plan = std::move(*planned);
    return prospect;
}

Result<StackKeeper::Outcome> StackKeeper::preview(const config::Customer& customer) {
    if (uplink_changed_) WARREN_TRY(observe_uplink());
    auto prospect = prepare(kernel_, customer);
    if (!prospect) return tl::unexpected(prospect.error());
    Outcome outcome;
    outcome.steps = describe(prospect->plan.steps);
    outcome.problems = std::move(prospect->plan.problems);
    outcome.is_new = !prospect->observed.exists;
    return outcome;
}

Result<StackKeeper::Outcome> StackKeeper::make(Kernel& kernel, const config::Customer& customer,
                                               std::vector<UniqueFd>& tunnel, bool& moves_uplink) const {
    auto prospect = prepare(kernel, customer);
    if (!prospect) return tl::unexpected(prospect.error());
    const std::vector<Step>& steps = prospect->plan.steps;
    moves_uplink = moves_uplink || moves_uplink_devices(steps);
    Outcome outcome;
    outcome.steps = describe(steps);
    outcome.problems = std::move(prospect->plan.problems);
    outcome.is_new = !prospect->observed.exists;
    outcome.has_new_tunnel = contains<CreateTunnel>(steps) || tunnel.empty();
    Status done = kernel.carry_out(prospect->desired.name, steps);
    if (done && outcome.has_new_tunnel) {
        // The descriptor of a removed device is useless, and while it is open the namespace stays.
        tunnel.clear();
        auto opened = kernel.release_tunnel(prospect->desired.name, prospect->desired.queues);
        if (!opened) return tl::unexpected(opened.error());
        tunnel = std::move(*opened);
    }
    // Before vpnd is told of a new peer, so that its worker gets its packets from the first one on.
    if (done && prospect->desired.queues > 1) done = kernel.steer(tunnel.front().get(), prospect->desired.steering);
    if (!done) {
        if (outcome.is_new) {
            tunnel.clear();
            (void)remove(kernel, customer.id, moves_uplink);
        }
        return tl::unexpected(std::move(done).error());
    }
    return outcome;
}

Result<StackKeeper::Outcome> StackKeeper::bring_up(const config::Customer& customer) {
    if (uplink_changed_) WARREN_TRY(observe_uplink());
    auto outcome = make(kernel_, customer, tunnels_[customer.id], uplink_changed_);
    watch(customer.id, outcome);
    return outcome;
}

void StackKeeper::watch(const std::string& customer, const Result<Outcome>& outcome) {
    if (!outcome || (watched_.contains(customer) && !outcome->is_new)) return;
    if (const Status watched = kernel_.watch(namespace_name(customer)); !watched) {
        watched_.erase(customer);  // the next call tries again
        if (!std::exchange(said_unwatched_, true))
            log(LogLevel::kWarn, "stack_not_watched",
                {{"customer", customer},
                 {"reason", watched.error().what},
                 {"effect", "changes made by hand are mended later"}});
        return;
    }
    watched_.insert(customer);
}

bool StackKeeper::set_learned(const std::string& customer, LearnedByPeer learned) {
    const auto found = learned_.find(customer);
    if (learned.empty()) return found != learned_.end() && learned_.erase(customer) != 0;
    if (found != learned_.end() && found->second == learned) return false;
    learned_[customer] = std::move(learned);
    return true;
}

Result<LearnedRoutes> StackKeeper::learned_routes(const std::string& customer) {
    if (is_in_doubt(customer))
        return fail(ErrorCode::kUnavailable, "it was being renamed, and its namespace has no certain name");
    const std::string name = namespace_name(customer);
    if (!watched_.contains(customer) && kernel_.watch(name)) watched_.insert(customer);
    return kernel_.learned_routes(name);
}

std::vector<Result<StackKeeper::Outcome>> StackKeeper::bring_up(std::span<const config::Customer* const> customers) {
    std::vector<Result<Outcome>> outcomes(customers.size());
    std::vector<std::size_t> apart;
    std::vector<std::vector<UniqueFd>*> tunnels;  // one for each thread to write to
    std::size_t held = 0;
    for (const auto& [id, tunnel] : tunnels_) held += tunnel.size();
    for (std::size_t i = 0; i < customers.size(); ++i) {
        tunnels.push_back(&tunnels_[customers[i]->id]);
        const std::size_t has = tunnels.back()->size();
        const std::size_t wants = std::min<std::size_t>(customers[i]->stack.queues, workers_);
        if (wants > has && held - has + wants > most_tunnels_) {
            outcomes[i] = no_room(most_tunnels_);
            continue;
        }
        held += std::max(wants, has) - has;
        if (!customers[i]->handoff) apart.push_back(i);
    }
    const std::vector<Kernel*> kernels = kernels_for(apart.size());
    std::vector<char> moves(kernels.size(), 0);
    in_parallel(apart.size(), kernels.size(), [&](std::size_t thread, std::size_t round) {
        const std::size_t i = apart[round];
        bool moves_uplink = false;
        outcomes[i] = make(*kernels[thread], *customers[i], *tunnels[i], moves_uplink);
        if (moves_uplink) moves[thread] = 1;
    });
    for (const std::size_t i : apart) watch(customers[i]->id, outcomes[i]);
    uplink_changed_ = uplink_changed_ || std::find(moves.begin(), moves.end(), 1) != moves.end();
    for (std::size_t i = 0; i < customers.size(); ++i) {
        if (customers[i]->handoff && outcomes[i]) outcomes[i] = bring_up(*customers[i]);
    }
    return outcomes;
}

Status StackKeeper::remove(Kernel& kernel, const std::string& customer, bool& moves_uplink) const {
    const std::string name = namespace_name(customer);
    const auto observed = kernel.observe(name, {});
    if (!observed) return tl::unexpected(observed.error());
    const auto planned = plan_removal(owner_mark(run_dir_, customer), *observed);
    if (!planned) return tl::unexpected(planned.error());
    moves_uplink = moves_uplink || moves_uplink_devices(planned->steps);
    return kernel.carry_out(name, planned->steps);
}

Status StackKeeper::take_down(const std::string& customer) {
    tunnels_.erase(customer);
    watched_.erase(customer);
    learned_.erase(customer);
    return remove(kernel_, customer, uplink_changed_);
}

namespace {

// The kernel makes these in each new namespace while their module is loaded. One that is up is in use.
bool is_of_kernel(const Link& link) {
    static constexpr std::array<std::string_view, 9> kFallbacks{"sit0",    "tunl0",   "gre0",    "gretap0", "erspan0",
                                                                "ip6tnl0", "ip6gre0", "ip_vti0", "ip6_vti0"};
    return !link.up && link.alias.empty() &&
           std::find(kFallbacks.begin(), kFallbacks.end(), link.name) != kFallbacks.end();
}

}  // namespace

Status StackKeeper::park(const std::string& customer) {
    const std::string name = namespace_name(customer);
    const auto observed = kernel_.observe(name, {});
    if (!observed) return tl::unexpected(observed.error());
    const auto other = std::find_if(observed->links.begin(), observed->links.end(), [](const Link& link) {
        return link.name != "lo" && link.name != kTunnelDevice && !is_of_kernel(link);
    });
    if (other != observed->links.end()) return fail(ErrorCode::kUnavailable, "device " + other->name + " is in it");
    const auto claimed = kernel_.claim(name);
    if (!claimed) return tl::unexpected(claimed.error());
    return take_down(customer);
}

Status StackKeeper::take_down(std::span<const std::string> customers) {
    for (const std::string& customer : customers) {
        tunnels_.erase(customer);
        watched_.erase(customer);
        learned_.erase(customer);
    }
    const std::vector<Kernel*> kernels = kernels_for(customers.size());
    std::vector<Status> done(customers.size());
    in_parallel(customers.size(), kernels.size(), [&](std::size_t thread, std::size_t i) {
        bool moves_uplink = false;
        done[i] = remove(*kernels[thread], customers[i], moves_uplink);
    });
    uplink_changed_ = true;
    for (std::size_t i = 0; i < done.size(); ++i) {
        if (!done[i]) return with_context("customer " + customers[i], std::move(done[i]).error());
    }
    return {};
}

Result<std::vector<std::string>> StackKeeper::return_devices() {
    WARREN_TRY(observe_uplink());
    const std::vector<Step> steps = plan_device_returns(uplink_);
    WARREN_TRY(kernel_.carry_out("", steps));
    uplink_changed_ = !steps.empty();
    std::vector<std::string> done;
    for (const Step& step : steps) done.push_back(describe(step));
    return done;
}

Result<std::vector<std::string>> StackKeeper::orphans(const std::set<std::string>& known) {
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

std::vector<int> StackKeeper::tunnel(const std::string& customer) const {
    std::vector<int> out;
    const auto found = tunnels_.find(customer);
    if (found == tunnels_.end()) return out;
    for (const UniqueFd& queue : found->second) out.push_back(queue.get());
    return out;
}

}  // namespace warren::stacks
