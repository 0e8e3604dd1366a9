// What there is in a customer's stack now: stackd is asked when somebody looks, and only then.
#include <utility>

#include "web/api/router.h"

namespace warren::web {

namespace {

constexpr std::size_t kMostBuckets = 1000;

Reply json(std::string body) {
    return {200, "application/json", std::move(body), {{"Cache-Control", "no-store"}}};
}

Reply later(unsigned status, std::string detail) {
    Reply reply = problem(status, std::move(detail));
    reply.headers.emplace_back("Retry-After", "5");
    return reply;
}

}  // namespace

// Also of those who ask for one customer after the other.
bool Router::takes_look(const Call& call) {
    if (looks_of_.size() >= kMostBuckets)
        std::erase_if(looks_of_,
                      [&call](const auto& each) { return each.second.is_full(call.now.instant, kLooks.depth()); });
    const bool is_operator = call.viewer.grant.role == access::Role::kOperator;
    if (!is_operator && !looks_of_others_.is_open(call.now.instant)) return false;
    if (!looks_of_[part_of(call.viewer)].take(call.now.instant, kLooks)) return false;
    return is_operator || looks_of_others_.take(call.now.instant, kLooksOfOthers);
}

Outcome Router::look(const Call& call, const CustomerEntry& customer) {
    if (std::exchange(looks_renames_, facts_.renames_heard) != facts_.renames_heard) looks_.clear();
    ipc::WebLook what;
    what.customer = census_.id_at_stackd(customer.shown.settings.id);
    if (what.customer.empty() || what.customer.size() > ipc::WebLook::kMaxCustomer) return problem(404);
    std::erase_if(looks_, [&call](const auto& each) { return call.now.instant - each.second.at >= kLookLasts; });
    if (const auto kept = looks_.find(what.customer); kept != looks_.end())
        return json(stack_json(kept->second.looked, call.viewer, call.now.wall));
    auto place = looking_.take(call.viewer);
    if (!place || !takes_look(call)) return later(429, "Too many look at stacks at once. Try again.");
    return Ask{std::move(what), call.credential, call.viewer.name,
               Ask::Looking{std::move(*place), call.viewer, facts_.renames_heard}};
}

Reply Router::finish_look(Now now, const Ask& ask, const ipc::WebLooked& looked) {
    // stackd said of renames before it answered: the id may be another customer's there since.
    if (!ask.looking || ask.looking->renames_heard != facts_.renames_heard)
        return later(503, "Customers were renamed meanwhile. Try again.");
    switch (looked.outcome) {
        case ipc::WebLookOutcome::kSeen: break;
        case ipc::WebLookOutcome::kNotFound: return problem(404);
        case ipc::WebLookOutcome::kBusy: return later(429, "Too many look at stacks at once. Try again.");
        case ipc::WebLookOutcome::kFailed:
            return problem(502, ask.looking->viewer.sees_all() ? "The stack cannot be read: " + looked.text + "."
                                                               : "The stack cannot be read.");
    }
    if (looks_renames_ == facts_.renames_heard && looks_.size() < kMostLooks)
        looks_[std::get<ipc::WebLook>(ask.what).customer] = {now.instant, looked};
    return json(stack_json(looked, ask.looking->viewer, now.wall));
}

}  // namespace warren::web
