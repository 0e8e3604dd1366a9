#include "stacks/learned_keeper.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "ipc/learned_facts.h"

namespace warren::stacks {

namespace {

bool may_learn(const config::Customer& customer) {
    return customer.bgp && !customer.bgp->allow_learned.empty();
}

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

void LearnedKeeper::pace(Watched& watched, Instant began, bool has_changed) {
    const Instant now = clock_();
    if (has_changed) {
        const bool is_in_a_row = now - watched.changed_at <= 2 * watched.pause;
        watched.changes = is_in_a_row ? watched.changes + 1 : 1;
        watched.changed_at = now;
        watched.pause = watched.changes > kChangesInARow ? std::min(2 * watched.pause, kLongestPause) : kPause;
    } else if (now - watched.changed_at > 2 * watched.pause) {
        watched.pause = kPause;
        watched.changes = 0;
    }
    watched.pause = std::max(watched.pause, kPartOfTime * (now - began));
    watched.looked_at = now;
    watched.due = watched.has_failed ? now + watched.pause : kNever;
}

std::vector<std::string> LearnedKeeper::look(const config::Generation& current) {
    const Instant now = clock_();
    std::vector<std::string> changed;
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
        if (read(id, watched) || watched.of != accepted) {
            Learned learned = learn(accepted->customer, watched.routes);
            has_changed = learned.networks != watched.learned.networks;
            watched.learned = std::move(learned);
            watched.of = std::move(accepted);
        }
        pace(watched, began, has_changed);
        if (!has_changed) continue;
        log(LogLevel::kInfo, "learned_networks_changed",
            {{"customer", id},
             {"networks", std::to_string(watched.learned.networks.size())},
             {"refused", std::to_string(watched.learned.refused_count)}});
        changed.push_back(id);
    }
    not_before_ = clock_() + kBetween;
    return changed;
}

LearnedByPeer LearnedKeeper::networks_of(const config::Customer& customer) {
    if (!may_learn(customer)) return {};
    Watched& watched = customers_[customer.id];
    if (watched.of != nullptr && &watched.of->customer == &customer) return by_peer(watched.learned);
    if (!watched.is_read) {
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
        if (watched.of != accepted) watched.learned = learn(accepted->customer, watched.routes);
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
