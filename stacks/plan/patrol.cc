#include "stacks/plan/patrol.h"

#include <algorithm>

namespace warren::stacks {

void Patrol::begin(const config::Generation& generation, const std::unordered_set<std::string>& seen) {
    std::erase_if(queue_, [&](const std::string& id) { return seen.contains(id) || generation.find(id) == nullptr; });
    waiting_ = {queue_.begin(), queue_.end()};
    std::erase_if(put_off_, [this](const auto& each) { return !waiting_.contains(each.first); });
    for (const auto& accepted : generation.customers) {
        const std::string& id = accepted->customer.id;
        if (!seen.contains(id) && waiting_.insert(id).second) queue_.push_back(id);
    }
}

void Patrol::hurry(const std::string& customer) {
    if (!waiting_.insert(customer).second) std::erase(queue_, customer);
    queue_.push_front(customer);
}

void Patrol::put_off(const std::string& customer, Instant until) {
    if (waiting_.insert(customer).second) queue_.push_back(customer);
    put_off_[customer] = until;
}

std::vector<std::string> Patrol::pop(std::size_t count, Instant now) {
    std::vector<std::string> out;
    for (auto next = queue_.begin(); next != queue_.end() && out.size() < count;) {
        const auto until = put_off_.find(*next);
        if (until != put_off_.end() && now < until->second) {
            ++next;
            continue;
        }
        if (until != put_off_.end()) put_off_.erase(until);
        waiting_.erase(*next);
        out.push_back(std::move(*next));
        next = queue_.erase(next);
    }
    return out;
}

std::vector<std::string> Patrol::peek(std::size_t count) const {
    return {queue_.begin(), queue_.begin() + static_cast<std::ptrdiff_t>(std::min(count, queue_.size()))};
}

}  // namespace warren::stacks
