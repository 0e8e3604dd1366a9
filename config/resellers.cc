#include "config/resellers.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <string_view>

#include "config/customer_id.h"
#include "config/rate.h"

namespace warren::config {

namespace {

// What the customers of one reseller have.
struct Tally {
    const Reseller* caps = nullptr;  // nullptr: it is none
    std::uint64_t customers = 0;
    std::uint64_t peers = 0;
    std::uint64_t rate_up = 0;
    std::uint64_t rate_down = 0;
};
// By id, of every customer that is served.
using Tallies = std::map<std::string, Tally, std::less<>>;

std::uint64_t peers_of(const Customer& customer) {
    const auto enabled = [](const auto& each) { return each.enabled; };
    auto count = std::count_if(customer.peers.begin(), customer.peers.end(), enabled);
    if (customer.ipsec)
        count += std::count_if(customer.ipsec->connections.begin(), customer.ipsec->connections.end(), enabled);
    return static_cast<std::uint64_t>(count);
}

// What a customer has of what is bounded.
struct Use {
    std::uint64_t customers = 0;
    std::uint64_t peers = 0;
    std::optional<std::uint64_t> rate_up;
    std::optional<std::uint64_t> rate_down;
};

Use use_of(const Customer& customer) {
    return {1, peers_of(customer), customer.traffic.limits.rate_up, customer.traffic.limits.rate_down};
}

// What it had, as far as it still has it: nothing for one that is new.
Use kept_of(const Customer& customer, const Customer* before) {
    if (before == nullptr) return {};
    const Use now = use_of(customer);
    const Use then = use_of(*before);
    const auto smaller = [](const std::optional<std::uint64_t>& one, const std::optional<std::uint64_t>& other) {
        return one && other ? std::optional(std::min(*one, *other)) : std::nullopt;
    };
    return {1, std::min(now.peers, then.peers), smaller(now.rate_up, then.rate_up),
            smaller(now.rate_down, then.rate_down)};
}

std::string bound(std::string_view key, const std::string& reseller) {
    return fmt::format("(reseller.{} of {})", key, customer_file(reseller));
}

// Of one direction: the customer's rate beside those of the others.
std::optional<Excess> excess_of_rate(std::string_view key, const std::string& reseller,
                                     const std::optional<std::uint64_t>& cap, std::uint64_t others,
                                     const std::optional<std::uint64_t>& own, bool is_raised) {
    if (!cap || !is_raised) return std::nullopt;
    if (!own)
        return Excess{0, "traffic",
                      fmt::format("traffic.{} is missing: the rates of the customers of {} are added up; accepted: a "
                                  "rate {}",
                                  key, reseller, bound(key, reseller))};
    if (others <= *cap && *own <= *cap - others) return std::nullopt;
    return Excess{
        0, fmt::format("traffic.{}", key),
        fmt::format("traffic.{}: {}, with the {} of other customers of {}; accepted: up to {} together {}", key,
                    rate_text(*own), rate_text(others), reseller, rate_text(*cap), bound(key, reseller))};
}

// `before`: of a customer that was there; only what it has more than that can be in excess. The tally has what it
// keeps.
std::optional<Excess> excess_of(const Customer& customer, const Customer* before, const std::string& reseller,
                                const Tally& tally) {
    if (tally.caps == nullptr)
        return Excess{
            0, "",
            fmt::format("{} is no reseller: {} has no [reseller], so nothing below {}/ is used", reseller,
                        customer_file(reseller), customer_file(reseller).substr(0, customer_file(reseller).rfind('.'))),
            true};
    const Reseller& caps = *tally.caps;
    const Use kept = kept_of(customer, before);
    if (before == nullptr && caps.max_customers && tally.customers >= *caps.max_customers)
        return Excess{0, "",
                      fmt::format("the reseller {} has {} customer{} without this one; accepted: up to {} {}", reseller,
                                  tally.customers, tally.customers == 1 ? "" : "s", *caps.max_customers,
                                  bound("max_customers", reseller))};
    const std::uint64_t other_peers = tally.peers - kept.peers;
    if (const std::uint64_t own = peers_of(customer);
        caps.max_peers && other_peers + own > *caps.max_peers && (before == nullptr || own > kept.peers))
        return Excess{0, "",
                      fmt::format("{} enabled peers and connections, with the {} of other customers of {}; accepted: "
                                  "up to {} together {}",
                                  own, other_peers, reseller, *caps.max_peers, bound("max_peers", reseller))};
    const Limits& limits = customer.traffic.limits;
    // One that was there without a rate has none yet.
    const auto is_raised = [before](const std::optional<std::uint64_t>& own, const std::optional<std::uint64_t>& its,
                                    const std::optional<std::uint64_t>& then) {
        return before == nullptr || own != its || own.has_value() != then.has_value();
    };
    const Limits then = before == nullptr ? Limits() : before->traffic.limits;
    if (auto up = excess_of_rate("rate_up", reseller, caps.rate_up, tally.rate_up - kept.rate_up.value_or(0),
                                 limits.rate_up, is_raised(limits.rate_up, kept.rate_up, then.rate_up)))
        return up;
    return excess_of_rate("rate_down", reseller, caps.rate_down, tally.rate_down - kept.rate_down.value_or(0),
                          limits.rate_down, is_raised(limits.rate_down, kept.rate_down, then.rate_down));
}

void add(const Use& use, Tally& to) {
    to.customers += use.customers;
    to.peers += use.peers;
    to.rate_up += use.rate_up.value_or(0);
    to.rate_down += use.rate_down.value_or(0);
}

void take(const Use& use, Tally& from) {
    from.customers -= use.customers;
    from.peers -= use.peers;
    from.rate_up -= use.rate_up.value_or(0);
    from.rate_down -= use.rate_down.value_or(0);
}

// The first reason why its resellers may not have it; else it counts for all of them.
std::optional<Excess> count_in(const Customer& customer, const Customer* before, Tallies& tallies) {
    const std::vector<std::string> resellers = resellers_of(customer.id);
    for (const std::string& reseller : resellers) {
        const auto tally = tallies.find(reseller);
        if (tally == tallies.end()) return Excess{0, "", fmt::format("its reseller {} is not served", reseller), true};
        if (auto excess = excess_of(customer, before, reseller, tally->second)) return excess;
    }
    for (const std::string& reseller : resellers) {
        Tally& tally = tallies.find(reseller)->second;
        take(kept_of(customer, before), tally);
        add(use_of(customer), tally);
    }
    return std::nullopt;
}

void add_to_resellers(const Customer& customer, Tallies& tallies) {
    for (const std::string& reseller : resellers_of(customer.id)) {
        if (const auto tally = tallies.find(reseller); tally != tallies.end()) add(use_of(customer), tally->second);
    }
}

}  // namespace

void check_reseller(const Parsed<Customer>& parsed, std::vector<Diagnostic>& out) {
    const Customer& customer = parsed.value;
    const bool is_part = customer.reseller || level_of(customer.id) > 1;
    if (customer.group && is_part)
        out.push_back(parsed.source.error("group",
                                          "group: a reseller and its customers belong to this node alone; accepted: no "
                                          "group"));
    if (customer.reseller && level_of(customer.id) >= kMostLevels)
        out.push_back(parsed.source.error(
            "reseller", fmt::format("reseller: {} is at level {} itself; accepted: at most {} levels", customer.id,
                                    level_of(customer.id), kMostLevels)));
}

std::vector<Excess> find_excess(std::span<const ResellerMember> members) {
    std::vector<Excess> out;
    Tallies tallies;
    bool has_any = false;
    for (const ResellerMember& member : members) has_any = has_any || level_of(member.customer->id) > 1;
    if (!has_any) return out;
    for (const ResellerMember& member : members)
        tallies[member.customer->id].caps = member.customer->reseller ? &*member.customer->reseller : nullptr;
    const auto before_of = [](const ResellerMember& member) { return member.is_older ? nullptr : member.before; };
    for (const ResellerMember& member : members) {
        for (const std::string& reseller : resellers_of(member.customer->id)) {
            if (const auto tally = tallies.find(reseller); tally != tallies.end())
                add(kept_of(*member.customer, before_of(member)), tally->second);
        }
    }
    // Those that did not change, those that did, those that are new.
    const auto turn_of = [](const ResellerMember& member) { return member.is_older ? 0 : member.before ? 1 : 2; };
    for (const int turn : {0, 1, 2}) {
        for (std::size_t i = 0; i < members.size(); ++i) {
            if (turn_of(members[i]) != turn || level_of(members[i].customer->id) == 1) continue;
            auto excess = count_in(*members[i].customer, before_of(members[i]), tallies);
            if (!excess) continue;
            excess->member = i;
            out.push_back(std::move(*excess));
        }
        if (turn != 0) continue;
        // Those that did not change stay although they are in excess: others do not get what they have.
        for (const Excess& excess : out) {
            if (!excess.has_no_reseller) add_to_resellers(*members[excess.member].customer, tallies);
        }
    }
    return out;
}

std::vector<ResellerAbove> above_of(const Customer& customer, std::span<const Customer* const> all) {
    std::vector<ResellerAbove> out;
    // Also one that has no [reseller] any more: those below it stay as they were, and so does its suspension.
    const auto add_above = [&](const Customer& reseller) {
        out.push_back({reseller.id, reseller.reseller ? reseller.reseller->share : Reseller{}.share,
                       reseller.state == CustomerState::kSuspended});
    };
    for (const std::string& id : resellers_of(customer.id)) {
        const auto found =
            std::lower_bound(all.begin(), all.end(), id,
                             [](const Customer* one, const std::string& wanted) { return one->id < wanted; });
        if (found != all.end() && (*found)->id == id) add_above(**found);
    }
    if (customer.reseller) add_above(customer);
    return out;
}

bool is_suspended(const Customer& customer) {
    return customer.state == CustomerState::kSuspended ||
           std::any_of(customer.above.begin(), customer.above.end(),
                       [](const ResellerAbove& above) { return above.suspended; });
}

}  // namespace warren::config
