// Customers without a stack until a packet needs one.
#include <algorithm>
#include <array>
#include <iterator>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/log.h"
#include "stacks/reconciler.h"

namespace warren::stacks {

namespace {

constexpr std::uint8_t kFailed = 4;

constexpr std::size_t kWakesPerMend = 8;
const std::string kNotWoken = "; a packet needs its stack, which is not there, and Warren retries";

}  // namespace

bool Reconciler::is_parked(const config::Customer& customer) const {
    return config::is_parkable(customer) && !stacks_.has_tunnel(customer.id) && !standing_.contains(customer.id);
}

// A stack that is there already, as an earlier process made it, stays until no packet needs it. Where it is not known
// which there are, all do.
void Reconciler::find_standing(const config::Generation& next) {
    std::set<std::string> fresh;
    std::set<std::string> known;
    for (const auto& accepted : next.customers) {
        const std::string& id = accepted->customer.id;
        const config::AcceptedCustomer* const before = current_.find(id);
        const bool was_parkable = before != nullptr && config::is_parkable(before->customer);
        const bool is_fresh = config::is_parkable(accepted->customer) && !was_parkable && !stacks_.has_tunnel(id);
        (is_fresh ? fresh : known).insert(id);
    }
    if (fresh.empty()) return;
    const auto found = stacks_.orphans(known);
    if (!found) {
        log(LogLevel::kError, "stacks_not_listed", {{"reason", found.error().what}});
        standing_.merge(fresh);
        return;
    }
    std::copy_if(found->begin(), found->end(), std::inserter(standing_, standing_.end()),
                 [&fresh](const std::string& id) { return fresh.contains(id); });
}

// The names of stackd, of the stacks, and of vpnd are not the same: one may mean two customers.
bool Reconciler::are_names_unsettled() const {
    return view_.has_pending_renames() || stacks_.has_names_in_doubt();
}

Status Reconciler::pass_tunnel(VpndLink& link, const std::string& customer) {
    if (!link.is_connected()) return {};   // the next vpnd gets it with everything else
    if (are_names_unsettled()) return {};  // the next delivery passes it
    const std::vector<int> tunnel = stacks_.tunnel(customer);
    if (tunnel.size() != 1) return {};  // PutTunnel has one descriptor; other tunnels come with their customer
    const Status passed = link.pass_tunnel(customer, tunnel);
    if (!passed) link.close();
    if (passed) view_.note_tunnel(customer);
    return passed;
}

Report Reconciler::wake(VpndLink& link, const std::string& customer) {
    const config::AcceptedCustomer* const accepted = current_.find(customer);
    if (accepted == nullptr) return {{}, false, kFailed, "there is no customer " + customer};
    if (stacks_.has_names_in_doubt()) return {{}, false, kFailed, "customers are being renamed; apply the files first"};
    const bool is_new = config::is_parkable(accepted->customer) && !stacks_.has_tunnel(customer);
    // vpnd may still have a TUN of the stack that was there, and then takes no other one alone.
    const bool is_repair = is_new && (standing_.contains(customer) || unsound_.contains(customer));
    if (is_new) {
        // No device of the uplink is part of a stack that may be parked.
        const std::array<const config::Customer*, 1> one{&accepted->customer};
        const auto outcome = std::move(stacks_.bring_up(one).front());
        if (!outcome) {
            log(LogLevel::kError, "stack_not_woken", {{"customer", customer}, {"reason", outcome.error().what}});
            unwoken_[customer] = outcome.error().what;
            replace_problem(customer, outcome.error().what + kNotWoken);
            return {{}, false, kFailed, outcome.error().what};
        }
        unwoken_.erase(customer);
        unsound_.erase(customer);
        standing_.erase(customer);
        record_problems(customer, outcome->problems);
        replace_problem(customer, "");
        note_own_change(customer);
        moved_.push_back(customer);
        log(LogLevel::kInfo, "stack_woken", {{"customer", customer}});
    }
    if (is_repair) {
        view_.forget_tunnel(customer);
        deliver_tunnels(link);
    } else if ((is_new || view_.is_parked(customer)) && view_.has_customer(customer)) {
        if (const Status passed = pass_tunnel(link, customer); !passed)
            return {{}, false, kFailed, passed.error().what};
    }
    return {{}, true, 0, is_new ? "its stack was made" : "its stack is there"};
}

void Reconciler::forget_woken() {
    std::erase_if(unwoken_, [this](const auto& each) {
        const config::AcceptedCustomer* const accepted = current_.find(each.first);
        return accepted == nullptr || !config::is_parkable(accepted->customer) || stacks_.has_tunnel(each.first);
    });
}

void Reconciler::retry_wakes(VpndLink& link) {
    forget_woken();
    std::vector<std::string> turn;
    auto next = unwoken_.upper_bound(last_retried_);
    while (turn.size() < std::min(kWakesPerMend, unwoken_.size())) {
        if (next == unwoken_.end()) next = unwoken_.begin();
        turn.push_back((next++)->first);
    }
    for (const std::string& id : turn) (void)wake(link, id);
    if (!turn.empty()) last_retried_ = turn.back();
}

bool Reconciler::report_unwoken(Report& report) {
    forget_woken();
    for (const auto& [id, reason] : unwoken_)
        report.texts.push_back({ipc::ControlText::Kind::kIncomplete, id, reason + kNotWoken});
    return !unwoken_.empty();
}

void Reconciler::pass_missed_tunnels(VpndLink& link) {
    std::vector<std::string> missed;
    std::copy_if(view_.parked().begin(), view_.parked().end(), std::back_inserter(missed),
                 [this](const std::string& id) { return stacks_.has_tunnel(id); });
    for (const std::string& id : missed) (void)pass_tunnel(link, id);
}

// What another one changed meanwhile may be among what is lost.
void Reconciler::note_own_change(const std::string& customer) {
    if (note_changes({customer})) begin_patrol();
}

void Reconciler::give_tunnel(VpndLink& link, const std::string& customer) {
    if (stacks_.has_tunnel(customer)) {
        (void)pass_tunnel(link, customer);
    } else {
        (void)wake(link, customer);
    }
}

void Reconciler::park(VpndLink& link, const ipc::LeftTunnel& left) {
    const std::string& id = left.customer;
    const config::AcceptedCustomer* const accepted = current_.find(id);
    if (accepted == nullptr) {
        // Its file has errors, and vpnd goes on serving it: it keeps its stack.
        if (view_.has_customer(id)) (void)pass_tunnel(link, id);
        return;
    }
    if (is_parked(accepted->customer)) return;
    const bool is_current = left.generation == link.applied() && left.tunnels == link.tunnels_passed();
    std::string why;
    if (stacks_.has_names_in_doubt()) {
        why = "customers are being renamed";
    } else if (!is_current || !config::is_parkable(accepted->customer)) {
        why = "its configuration is another since";
    } else if (incomplete_.contains(id) || unsound_.contains(id)) {
        why = "it is being mended";
    } else if (const Status left_alone = stacks_.park(id); !left_alone) {
        why = left_alone.error().what;
    }
    if (!why.empty()) {
        log(LogLevel::kInfo, "stack_not_parked", {{"customer", id}, {"reason", why}});
        if (stacks_.has_tunnel(id)) {
            (void)pass_tunnel(link, id);
        } else {
            standing_.insert(id);  // half of it is there
            view_.note_parked(id);
            patrol_.hurry(id);
        }
        return;
    }
    standing_.erase(id);
    repairs_.erase(id);
    view_.note_parked(id);
    replace_problem(id, "");
    note_own_change(id);
    moved_.push_back(id);
    log(LogLevel::kInfo, "stack_parked", {{"customer", id}});
}

bool Reconciler::serve_parked(VpndLink& link, std::size_t most) {
    for (; most > 0 && !are_names_unsettled(); --most) {
        const auto report = link.take_report();
        if (!report) return false;
        if (const auto* need = std::get_if<ipc::NeedTunnel>(&*report)) {
            const config::AcceptedCustomer* const accepted = current_.find(need->customer);
            if (accepted != nullptr && config::is_parkable(accepted->customer)) {
                give_tunnel(link, need->customer);
            } else if (view_.has_customer(need->customer)) {
                // vpnd makes no stack of this one, but what it gave up for a moment it gets back.
                (void)pass_tunnel(link, need->customer);
            }
        } else if (const auto* left = std::get_if<ipc::LeftTunnel>(&*report)) {
            park(link, *left);
        }
    }
    return has_parked_work(link);
}

bool Reconciler::has_parked_work(const VpndLink& link) const {
    return link.has_reports() && !are_names_unsettled();
}

std::size_t Reconciler::parked_count() const {
    return static_cast<std::size_t>(std::count_if(current_.customers.begin(), current_.customers.end(),
                                                  [this](const auto& each) { return is_parked(each->customer); }));
}

}  // namespace warren::stacks
