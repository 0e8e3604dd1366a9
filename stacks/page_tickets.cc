// Who may change what from the status page: tickets, and what a grant allows.
#include <algorithm>

#include "access/secrets.h"
#include "stacks/page_changes.h"

namespace warren::stacks {

void Tickets::give(Instant now, const std::string& ticket, const access::User& user) {
    std::erase_if(tickets_, [now](const auto& each) {
        return now - each.second.used >= kIdle || now - each.second.begun >= kAbsolute;
    });
    if (tickets_.size() >= kMost) {
        tickets_.erase(std::min_element(tickets_.begin(), tickets_.end(),
                                        [](const auto& a, const auto& b) { return a.second.used < b.second.used; }));
    }
    tickets_[access::sha256_hex(ticket)] = {user, now, now};
}

bool Tickets::has(const std::string& ticket) const {
    return tickets_.contains(access::sha256_hex(ticket));
}

void Tickets::renew(Instant now, const std::string& ticket) {
    if (const auto found = tickets_.find(access::sha256_hex(ticket)); found != tickets_.end()) found->second.used = now;
}

std::optional<access::User> Tickets::find(Instant now, const std::string& ticket, const access::Users& users) {
    const auto found = tickets_.find(access::sha256_hex(ticket));
    if (found == tickets_.end()) return std::nullopt;
    const Ticket& known = found->second;
    const access::User* user = users.find_user(known.user.name);
    if (now - known.used >= kIdle || now - known.begun >= kAbsolute || user == nullptr || *user != known.user) {
        tickets_.erase(found);
        return std::nullopt;
    }
    return *user;
}

std::string objection_to(const access::Grant& grant, const ipc::WebChange& change) {
    using Action = ipc::WebAction;
    if (grant.role == access::Role::kOperator) return {};
    if (!access::has_customers(grant.role)) return "a viewer changes nothing";
    // What is disabled may be so by the operator, for a stolen device or an unpaid bill: nobody else enables it. A
    // reseller is the operator of its customers, but what waits for a confirmation may be others'.
    const bool is_for_all = change.action == Action::kAddDevice || change.action == Action::kDisablePeer;
    const bool is_of_one = change.action != Action::kConfirm && change.action != Action::kGoBack;
    if (!is_for_all && !(grant.role == access::Role::kReseller && is_of_one)) return "only an operator may do this";
    return grant.covers(change.customer) ? "" : "there is no such customer";
}

}  // namespace warren::stacks
