#include "stacks/learned_keeper.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "ipc/learned_facts.h"

namespace warren::stacks {

namespace {

std::string name_of_neighbour(const config::Customer& customer, const IpAddress& address) {
    for (const config::BgpNeighbour& each : customer.bgp->neighbours) {
        if (each.address == address) return each.name;
    }
    return "";
}

}  // namespace

void LearnedKeeper::note(const config::Customer& customer) {
    if (!may_learn(customer)) return;
    Watched& watched = customers_[customer.id];
    watched.due = std::min(watched.due, std::max(clock_() + kDelay, watched.looked_at + watched.pause));
}

void LearnedKeeper::note_all(const config::Generation& generation) {
    for (const auto& accepted : generation.customers) note(accepted->customer);
}

void LearnedKeeper::note_new(const config::Customer& customer) {
    const auto found = customers_.find(customer.id);
    if (found != customers_.end() && !found->second.routes.routes.empty()) note(customer);
}

Instant LearnedKeeper::next_deadline() const {
    Instant next = kNever;
    for (const auto& [id, watched] : customers_) next = std::min(next, watched.due);
    return next == kNever ? kNever : std::max(next, not_before_);
}

bool LearnedKeeper::read(const std::string& customer, Watched& watched) {
    auto routes = stacks_.learned_routes(customer);
    if (!routes) {
        if (!std::exchange(watched.has_failed, true))
            log(LogLevel::kWarn, "learned_routes_not_read",
                {{"customer", customer}, {"reason", routes.error().what}, {"effect", "its peers keep what they had"}});
        return false;
    }
    watched.has_failed = false;
    watched.is_read = true;
    if (watched.routes == *routes) return false;
    watched.routes = std::move(*routes);
    return true;
}

// Little by little: one that waits for the pause to end, and changes then, gains nothing by it.
void LearnedKeeper::calm(Watched& watched, Instant now) {
    while (now - watched.quiet_since >= kQuiet && (watched.changes > 0 || watched.pause > kPause)) {
        watched.quiet_since = watched.quiet_since + kQuiet;
        watched.changes /= 2;
        watched.pause = std::max(watched.pause / 2, kPause);
    }
}

void LearnedKeeper::pace(Watched& watched, Instant began, bool has_changed) {
    const Instant now = clock_();
    calm(watched, now);
    if (has_changed) {
        watched.quiet_since = now;
        if (++watched.changes > kChangesInARow) watched.pause = std::min(2 * watched.pause, kLongestPause);
    }
    watched.pause = std::max(watched.pause, kPartOfTime * (now - began));
    watched.looked_at = now;
    watched.due = watched.has_failed ? now + watched.pause : kNever;
}

std::vector<LearnedKeeper::Changed> LearnedKeeper::look(const config::Generation& current) {
    const Instant now = clock_();
    std::vector<Changed> changed;
    if (now < next_deadline()) return changed;
    std::vector<std::pair<Instant, std::string>> due;
    for (const auto& [id, watched] : customers_) {
        if (watched.due <= now) due.emplace_back(watched.due, id);
    }
    std::sort(due.begin(), due.end());
    if (due.size() > kAtOnce) due.resize(kAtOnce);
    for (const auto& [when, id] : due) {
        auto accepted = current.share(id);
        if (accepted == nullptr || !may_learn(accepted->customer)) {
            customers_.erase(id);
            continue;
        }
        Watched& watched = customers_[id];
        const Instant began = clock_();
        bool has_changed = false;
        Learned before;
        const bool has_other_routes = read(id, watched);
        if (has_other_routes || watched.is_withheld || watched.of != accepted) {
            before = std::exchange(watched.learned, learn(accepted->customer, watched.routes));
            has_changed = before.networks != watched.learned.networks;
            watched.is_withheld = false;
            watched.of = std::move(accepted);
        }
        pace(watched, began, has_changed);
        if (!has_changed) continue;
        log(LogLevel::kInfo, "learned_networks_changed",
            {{"customer", id},
             {"networks", std::to_string(watched.learned.networks.size())},
             {"refused", std::to_string(watched.learned.refused_count)}});
        changed.push_back({id, std::move(before)});
    }
    not_before_ = clock_() + kBetween;
    return changed;
}

void LearnedKeeper::withhold(const std::shared_ptr<const config::AcceptedCustomer>& of, Learned learned) {
    Watched& watched = customers_[of->customer.id];
    watched.learned = std::move(learned);
    watched.of = of;
    watched.is_withheld = true;
    watched.due = std::min(watched.due, clock_() + watched.pause);
}

Learned LearnedKeeper::in_force(const std::string& customer) const {
    const auto found = customers_.find(customer);
    return found == customers_.end() ? Learned() : found->second.learned;
}

LearnedByPeer LearnedKeeper::networks_of(const config::Customer& customer) {
    if (!may_learn(customer)) return {};
    Watched& watched = customers_[customer.id];
    if (watched.of != nullptr && &watched.of->customer == &customer) return by_peer(watched.learned);
    if (!watched.is_read && !watched.has_failed) {
        (void)read(customer.id, watched);
        watched.looked_at = clock_();
        watched.due = watched.has_failed ? watched.looked_at + watched.pause : kNever;
    }
    return by_peer(learn(customer, watched.routes));
}

void LearnedKeeper::follow(const config::Generation& current) {
    for (auto it = customers_.begin(); it != customers_.end();) {
        Watched& watched = it->second;
        auto accepted = current.share(it->first);
        if (accepted == nullptr || !may_learn(accepted->customer)) {
            it = customers_.erase(it);
            continue;
        }
        if (watched.of != accepted) {
            watched.learned = learn(accepted->customer, watched.routes);
            watched.is_withheld = false;
        }
        watched.of = std::move(accepted);
        ++it;
    }
}

void LearnedKeeper::rename(const std::vector<Rename>& renames) {
    rename_keys(customers_, renames);
}

void LearnedKeeper::add_problems(std::vector<ipc::ControlText>& problems) const {
    for (const auto& [id, watched] : customers_) {
        if (std::string text = problem_of(watched.learned); !text.empty())
            problems.push_back({ipc::ControlText::Kind::kNote, id, "bgp: " + text});
    }
}

std::vector<ipc::ControlText> LearnedKeeper::facts(const config::Customer& customer) const {
    std::vector<ipc::ControlText> out;
    const auto found = customers_.find(customer.id);
    if (found == customers_.end() || !may_learn(customer)) return out;
    const auto add = [&](const ipc::LearnedFact& fact) {
        out.push_back({ipc::ControlText::Kind::kFact, customer.id, ipc::text_of(fact)});
    };
    for (const LearnedNetwork& each : found->second.learned.networks)
        add({each.network, each.peer, name_of_neighbour(customer, each.gateway), ""});
    for (const RefusedNetwork& each : found->second.learned.refused) add({each.network, "", "", each.reason});
    return out;
}

}  // namespace warren::stacks
