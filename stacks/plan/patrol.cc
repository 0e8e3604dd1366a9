#include "stacks/plan/patrol.h"

#include <algorithm>

namespace warren::stacks {

void Patrol::begin(const config::Generation& generation, const std::unordered_set<std::string>& seen) {
    std::erase_if(queue_, [&](const std::string& id) { return seen.contains(id) || generation.find(id) == nullptr; });
    waiting_ = {queue_.begin(), queue_.end()};
    for (const auto& accepted : generation.customers) {
        const std::string& id = accepted->customer.id;
        if (!seen.contains(id) && waiting_.insert(id).second) queue_.push_back(id);
    }
}

void Patrol::hurry(const std::string& customer) {
    if (!waiting_.insert(customer).second) std::erase(queue_, customer);
    queue_.push_front(customer);
}

std::vector<std::string> Patrol::pop(std::size_t count) {
    const auto end = queue_.begin() + static_cast<std::ptrdiff_t>(std::min(count, queue_.size()));
    std::vector<std::string> out(queue_.begin(), end);
    queue_.erase(queue_.begin(), end);
    for (const std::string& id : out) waiting_.erase(id);
    return out;
}

}  // namespace warren::stacks
