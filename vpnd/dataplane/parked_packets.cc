#include "vpnd/dataplane/parked_packets.h"

#include <algorithm>
#include <utility>

namespace warren::dataplane {

bool ParkedPackets::make_room(std::size_t needed, std::size_t mine, std::vector<Dropped>& dropped) {
    while (bytes_ + needed > kBytes) {
        const auto most = std::max_element(waiting_.begin(), waiting_.end(), [](const auto& a, const auto& b) {
            return a.second.bytes < b.second.bytes;
        });
        if (most == waiting_.end() || most->second.packets.empty() || most->second.bytes <= mine + needed) return false;
        const std::size_t freed = cost(most->second.packets.back());
        dropped.push_back({most->first, most->second.packets.back().packets});
        most->second.packets.pop_back();
        most->second.bytes -= freed;
        bytes_ -= freed;
    }
    return true;
}

void ParkedPackets::push(CustomerIndex customer, Packet packet, std::vector<Dropped>& dropped) {
    const auto found = waiting_.find(customer);
    const std::size_t mine = found == waiting_.end() ? 0 : found->second.bytes;
    const std::size_t needed = cost(packet);
    const bool is_one_too_many = found == waiting_.end() && waiting_.size() >= kCustomers;
    if (is_one_too_many || mine + needed > kBytesOfOne || !make_room(needed, mine, dropped)) {
        dropped.push_back({customer, packet.packets});
        return;
    }
    note_deadline(packet.since);
    Waiting& its = waiting_[customer];
    its.packets.push_back(std::move(packet));
    its.bytes += needed;
    bytes_ += needed;
}

void ParkedPackets::note_deadline(Instant since) {
    next_deadline_ = std::min(next_deadline_, std::max(since + kLongest, not_before_));
}

std::vector<ParkedPackets::Packet> ParkedPackets::take(CustomerIndex customer) {
    const auto found = waiting_.find(customer);
    if (found == waiting_.end()) return {};
    std::vector<Packet> out = std::move(found->second.packets);
    bytes_ -= found->second.bytes;
    waiting_.erase(found);
    if (waiting_.empty()) next_deadline_ = kNever;
    return out;
}

void ParkedPackets::expire(Instant now, std::vector<Dropped>& dropped) {
    if (now < next_deadline_) return;
    next_deadline_ = kNever;
    not_before_ = now + kBetweenExpiries;
    for (auto at = waiting_.begin(); at != waiting_.end();) {
        Waiting& its = at->second;
        const auto is_old = [now](const Packet& packet) { return now - packet.since >= kLongest; };
        const auto kept = std::find_if_not(its.packets.begin(), its.packets.end(), is_old);
        std::uint64_t old = 0;
        for (auto each = its.packets.begin(); each != kept; ++each) {
            old += each->packets;
            its.bytes -= cost(*each);
            bytes_ -= cost(*each);
        }
        if (old > 0) dropped.push_back({at->first, old});
        its.packets.erase(its.packets.begin(), kept);
        if (!its.packets.empty()) note_deadline(its.packets.front().since);
        // It may have given its packets to others; it is asked for again with the next one.
        at = its.packets.empty() ? waiting_.erase(at) : std::next(at);
    }
}

bool ParkedPackets::asks(CustomerIndex customer, Instant now) {
    const auto found = waiting_.find(customer);
    if (found == waiting_.end() || now - found->second.asked < kAskEvery) return false;
    found->second.asked = now;
    return true;
}

}  // namespace warren::dataplane
