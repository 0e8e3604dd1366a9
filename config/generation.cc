#include "config/generation.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>

#include "config/clash.h"
#include "config/named_secrets.h"
#include "config/resellers.h"

namespace warren::config {

namespace {

// What one customer may become: `next` is the loaded one, the previous one, or nothing.
struct Candidate {
    const LoadedCustomer* loaded = nullptr;
    std::shared_ptr<const AcceptedCustomer> before;
    bool is_kept = false;

    // It was there before those that are not.
    [[nodiscard]] bool is_older() const {
        return is_kept || loaded->unchanged != nullptr ||
               (before != nullptr && !before->text.empty() && loaded->text == before->text);
    }
    [[nodiscard]] const Customer* next() const {
        if (!is_kept) return &loaded->value();
        return before == nullptr ? nullptr : &before->customer;
    }
};

Diagnostic complaint(const Candidate& candidate, std::string message) {
    return {Severity::kError, candidate.loaded->file, candidate.loaded->value().id, {1, 1, 0}, std::move(message), ""};
}

std::shared_ptr<const AcceptedCustomer> accept_candidate(const Candidate& candidate, const Secrets& loaded_secrets) {
    if (candidate.is_kept) return candidate.before;
    if (candidate.loaded->unchanged != nullptr) return candidate.loaded->unchanged;
    const Customer& customer = candidate.loaded->customer;
    return std::make_shared<const AcceptedCustomer>(AcceptedCustomer{
        customer, loaded_secrets.only(secrets_of(customer)), candidate.loaded->stamps, candidate.loaded->text});
}

// False when a kept customer uses the shared listener that the new appliance does not have.
bool can_live_with(const Appliance& appliance, const Candidate& kept, std::vector<Diagnostic>& out) {
    const Customer& customer = kept.before->customer;
    const auto has_listener = [&](const Peer& peer) {
        const ListenerKind kind = kind_of(peer.tunnel);
        return find(customer.listeners, kind) != nullptr || find(appliance.listeners, kind) != nullptr;
    };
    const auto complain = [&](std::string_view table) {
        out.push_back(complaint(kept, fmt::format("warren.toml no longer has [{}], which this customer still uses "
                                                  "because its file has errors: nothing is applied",
                                                  table)));
        return false;
    };
    if (!std::all_of(customer.peers.begin(), customer.peers.end(), has_listener)) return complain("wireguard");
    if (customer.ipsec && find(appliance.listeners, ListenerKind::kIke) == nullptr) return complain("ipsec");
    return true;
}

// A valid customer that clashes with a kept one becomes kept. True when that happened; `refused` when both are kept.
bool give_way(const Appliance& appliance, std::vector<Candidate>& candidates, bool& refused,
              std::vector<Diagnostic>& out) {
    std::vector<const Customer*> customers;
    std::vector<Candidate*> origins;
    for (Candidate& candidate : candidates) {
        if (candidate.next() == nullptr) continue;
        customers.push_back(candidate.next());
        origins.push_back(&candidate);
    }
    for (const Clash& clash : find_clashes(appliance, customers)) {
        Candidate& second = *origins[clash.second.customer];
        Candidate* first = clash.first.customer == Clash::kAppliance ? nullptr : origins[clash.first.customer];
        Candidate* yielding = !second.is_kept ? &second : (first != nullptr && !first->is_kept ? first : nullptr);
        if (yielding == nullptr) {
            out.push_back(complaint(
                second,
                fmt::format("{} is also used by {}, and this customer keeps it because its file has errors: nothing is "
                            "applied",
                            clash.thing, clash.first.what)));
            refused = true;
            return false;
        }
        const Clash::Side& other = yielding == &second ? clash.first : clash.second;
        out.push_back(
            complaint(*yielding, fmt::format("{} is also used by {}, which stays as before because of errors; {}",
                                             clash.thing, other.what, clash.reason)));
        yielding->is_kept = true;
        return true;  // its previous configuration may clash with others: check again
    }
    return false;
}

// Customers that their resellers may not have become kept. True when that happened: what they were counts again.
// `is_start`: nobody was there before, so the caps drop nobody.
bool keep_excess(std::vector<Candidate>& candidates, bool is_start, std::vector<Diagnostic>& out) {
    std::vector<ResellerMember> members;
    std::vector<Candidate*> origins;
    for (Candidate& candidate : candidates) {
        if (candidate.next() == nullptr) continue;
        members.push_back({candidate.next(), candidate.is_older(),
                           candidate.before == nullptr ? nullptr : &candidate.before->customer});
        origins.push_back(&candidate);
    }
    bool found = false;
    for (const Excess& excess : find_excess(members)) {
        Candidate& one = *origins[excess.member];
        if (one.is_kept || (is_start && !excess.has_no_reseller)) continue;
        out.push_back(complaint(one, excess.what));
        one.is_kept = found = true;
    }
    return found;
}

}  // namespace

void set_above(Generation& generation) {
    auto& customers = generation.customers;
    std::vector<const Customer*> all;
    for (const auto& accepted : customers) all.push_back(&accepted->customer);
    std::vector<std::vector<ResellerAbove>> above;
    for (const Customer* customer : all) above.push_back(above_of(*customer, all));
    for (std::size_t i = 0; i < customers.size(); ++i) {
        if (customers[i]->customer.above == above[i]) continue;
        auto changed = std::make_shared<AcceptedCustomer>(copy_of(*customers[i]));
        changed->customer.above = std::move(above[i]);
        customers[i] = std::move(changed);
    }
}

AcceptedCustomer copy_of(const AcceptedCustomer& accepted) {
    return {accepted.customer, accepted.secrets.only(secrets_of(accepted.customer)), accepted.stamps, accepted.text};
}

std::shared_ptr<const AcceptedCustomer> Generation::share(std::string_view id) const {
    const auto found =
        std::lower_bound(customers.begin(), customers.end(), id,
                         [](const auto& accepted, std::string_view wanted) { return accepted->customer.id < wanted; });
    return found == customers.end() || (*found)->customer.id != id ? nullptr : *found;
}

const AcceptedCustomer* Generation::find(std::string_view id) const {
    return share(id).get();
}

Succession succeed(const Generation& previous, const Loaded& loaded) {
    Succession out;
    out.diagnostics = loaded.diagnostics;
    if (!loaded.appliance_valid) return out;

    std::vector<Candidate> candidates;
    const bool is_start = previous.customers.empty() && previous.text.empty();
    for (const LoadedCustomer& customer : loaded.customers) {
        const bool is_served = customer.valid || (is_start && customer.exceeds_reseller);
        candidates.push_back({&customer, previous.share(customer.value().id), !is_served});
    }
    bool refused = false;
    while (give_way(loaded.appliance, candidates, refused, out.diagnostics) ||
           (!refused && keep_excess(candidates, is_start, out.diagnostics))) {
    }
    for (const Candidate& candidate : candidates) {
        if (!candidate.is_kept || candidate.before == nullptr) continue;
        if (!can_live_with(loaded.appliance, candidate, out.diagnostics)) refused = true;
        out.kept.push_back(candidate.loaded->value().id);
    }
    sort(out.diagnostics);
    if (refused) return out;

    out.accepted = true;
    out.next.appliance = loaded.appliance;
    out.next.secrets = loaded.secrets.only(secrets_of(loaded.appliance));
    out.next.text = loaded.text;
    for (const Candidate& candidate : candidates) {
        if (candidate.next() != nullptr) out.next.customers.push_back(accept_candidate(candidate, loaded.secrets));
    }
    set_above(out.next);
    return out;
}

}  // namespace warren::config
