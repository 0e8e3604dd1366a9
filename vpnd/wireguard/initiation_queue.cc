#include "vpnd/wireguard/initiation_queue.h"

namespace warren::wireguard {

void InitiationQueue::push(CustomerIndex customer, std::uint32_t peer, bool has_traffic) {
    Line& line = has_traffic ? traffic_ : quiet_;
    const auto [at, is_new] = line.waiting.try_emplace(customer);
    at->second.peers.push_back(peer);
    if (is_new) line.turns.push_back(customer);
}

std::optional<std::uint32_t> InitiationQueue::pop() {
    if (empty()) return std::nullopt;
    const bool is_quiet_turn = ++turn_ % kTurnsPerQuiet == 0;
    if (traffic_.turns.empty() || (is_quiet_turn && !quiet_.turns.empty())) return quiet_.pop();
    return traffic_.pop();
}

std::uint32_t InitiationQueue::Line::pop() {
    const CustomerIndex customer = turns.front();
    turns.pop_front();
    const auto at = waiting.find(customer);
    Waiting& mine = at->second;
    const std::uint32_t peer = mine.peers[mine.next++];
    if (mine.next < mine.peers.size()) {
        turns.push_back(customer);
        // A line that is never empty must not grow for ever.
        if (mine.next > mine.peers.size() / 2) {
            mine.peers.erase(mine.peers.begin(), mine.peers.begin() + static_cast<std::ptrdiff_t>(mine.next));
            mine.next = 0;
        }
    } else {
        waiting.erase(at);
    }
    return peer;
}

std::size_t InitiationQueue::held() const {
    return traffic_.held() + quiet_.held();
}

std::size_t InitiationQueue::Line::held() const {
    std::size_t sum = 0;
    for (const auto& [customer, mine] : waiting) sum += mine.peers.size();
    return sum;
}

}  // namespace warren::wireguard
