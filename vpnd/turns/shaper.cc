#include "vpnd/turns/shaper.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace warren::dataplane {

namespace {
constexpr std::uint64_t kBitsTimesNanoseconds = 8 * std::uint64_t{1'000'000'000};
}

void Shaper::set_rate(std::uint64_t bits_per_second) {
    if (bits_per_second == rate_) return;
    rate_ = bits_per_second;
    limits_ = rate_ != 0 || packets_ != 0;
    bucket_ = {};
    if (rate_ == 0) return;  // what waits goes at once
    const std::uint64_t in_delay =
        rate_ / 8 * static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(kDelay).count()) /
        1'000;
    most_held_ = std::clamp<std::size_t>(2 * in_delay, kLeastQueue, kMostQueue);
}

Duration Shaper::price_of(std::size_t size) const {
    if (rate_ == 0) return Duration::zero();
    return Duration(static_cast<std::int64_t>(size * kBitsTimesNanoseconds / rate_));
}

bool Shaper::has_room(std::uint32_t flow, std::size_t bytes, const ShaperMemory& memory) const {
    const std::size_t cost = bytes + kOverhead;
    const std::size_t its = queue_ == nullptr ? 0 : queue_->flows[flow % kFlows].held;
    if (its == 0) return cost <= memory.left() && held_ + cost <= most_held_ + kForNewFlows;
    return its + cost <= std::min(most_held_ - std::min(held_, most_held_), memory.left());
}

void Shaper::push(std::uint32_t flow_hash, Packet packet, ShaperMemory& memory) {
    if (queue_ == nullptr) queue_ = std::make_unique<Queue>();
    std::uint32_t index = queue_->free;
    if (index == kNone) {
        index = static_cast<std::uint32_t>(queue_->nodes.size());
        queue_->nodes.emplace_back();
    } else {
        queue_->free = queue_->nodes[index].next;
    }
    const std::size_t cost = packet.bytes.size() + kOverhead;
    queue_->nodes[index] = {std::move(packet), kNone};

    const std::uint32_t number = flow_hash % kFlows;
    Flow& flow = queue_->flows[number];
    (flow.first == kNone ? flow.first : queue_->nodes[flow.last].next) = index;
    flow.last = index;
    flow.held += static_cast<std::uint32_t>(cost);
    held_ += cost;
    memory.held += cost;
    ++packets_;
    if (flow.listed) return;
    flow.deficit = kQuantum;
    append(queue_->fresh, number);
}

std::optional<Shaper::Packet> Shaper::pop(Instant now, ShaperMemory& memory) {
    if (packets_ == 0 || !bucket_.is_open(now)) return std::nullopt;
    Flow& flow = flow_to_serve();
    const std::uint32_t index = flow.first;
    Node& node = queue_->nodes[index];
    Packet packet = std::move(node.packet);
    flow.first = node.next;
    node.next = std::exchange(queue_->free, index);
    const std::size_t cost = packet.bytes.size() + kOverhead;
    flow.held -= static_cast<std::uint32_t>(cost);
    flow.deficit -= static_cast<std::int32_t>(packet.size);
    held_ -= cost;
    memory.held -= cost;
    --packets_;
    limits_ = rate_ != 0 || packets_ != 0;
    if (rate_ != 0) bucket_.charge(now, price_of(packet.size), kCatchUp);
    return packet;
}

// A flow with packets whose turn it is. An empty one leaves its list: a fresh one by way of the steady list, so that it
// is not fresh again at once.
Shaper::Flow& Shaper::flow_to_serve() {
    for (;;) {
        const bool is_fresh = queue_->fresh.first != kNone;
        List& list = is_fresh ? queue_->fresh : queue_->steady;
        WARREN_CHECK(list.first != kNone);  // packets wait, and their flow is listed
        const std::uint32_t number = list.first;
        Flow& flow = queue_->flows[number];
        if (flow.first != kNone && flow.deficit > 0) return flow;
        (void)remove_first(list);
        if (flow.first == kNone && !is_fresh) continue;
        if (flow.deficit <= 0) flow.deficit += kQuantum;
        append(queue_->steady, number);
    }
}

std::size_t Shaper::clear(ShaperMemory& memory) {
    memory.held -= held_;
    held_ = 0;
    queue_.reset();
    limits_ = rate_ != 0;
    return std::exchange(packets_, 0);
}

void Shaper::append(List& list, std::uint32_t number) {
    Flow& flow = queue_->flows[number];
    flow.listed = true;
    flow.next = kNone;
    (list.first == kNone ? list.first : queue_->flows[list.last].next) = number;
    list.last = number;
}

std::uint32_t Shaper::remove_first(List& list) {
    const std::uint32_t number = list.first;
    Flow& flow = queue_->flows[number];
    list.first = flow.next;
    flow.listed = false;
    return number;
}

}  // namespace warren::dataplane
