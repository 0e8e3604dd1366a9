#include "vpnd/turns/test_line.h"

#include <utility>

namespace warren::dataplane {

namespace {
constexpr std::uint64_t kBitsTimesNanoseconds = 8 * std::uint64_t{1'000'000'000};
}

void LineRoom::add(std::size_t cost) const {
    for (HeldPackets* const held : {&line, &all}) {
        held->packets += 1;
        held->bytes += cost;
    }
}

void LineRoom::remove(std::size_t packets, std::size_t cost) const {
    for (HeldPackets* const held : {&line, &all}) {
        held->packets -= packets;
        held->bytes -= cost;
    }
}

void TestLine::set(const LineSettings& settings) {
    if (settings == settings_) return;
    settings_ = settings;
    free_at_ = last_due_ = kLongAgo;
    std::sort(held_.begin(), held_.end(), [](const Held& a, const Held& b) { return b < a; });
    for (std::size_t i = 0; i < held_.size(); ++i) {
        held_[i].due = kLongAgo;
        held_[i].number = i;
    }
    number_ = held_.size();
    std::make_heap(held_.begin(), held_.end());
}

// SplitMix64 (Steele, Lea and Flood 2014): any seed will do, also 0.
std::uint64_t TestLine::draw() {
    random_ += 0x9e37'79b9'7f4a'7c15U;
    std::uint64_t mixed = random_;
    mixed = (mixed ^ (mixed >> 30)) * 0xbf58'476d'1ce4'e5b9U;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d0'49bb'1331'11ebU;
    return mixed ^ (mixed >> 31);
}

bool TestLine::happens(std::uint32_t part) {
    return part != 0 && ((draw() >> 32) * LineSettings::kWhole) >> 32 < part;
}

Duration TestLine::draw_delay() {
    const auto jitter = static_cast<std::uint64_t>(settings_.jitter.count());
    if (jitter == 0) return settings_.delay;
    return settings_.delay - settings_.jitter + Duration(static_cast<std::int64_t>(draw() % (2 * jitter + 1)));
}

TestLine::Fate TestLine::push(Instant now, Packet packet, const LineRoom& room) {
    if (happens(settings_.loss)) return Fate::kLost;
    Instant leaves = now;
    if (settings_.rate != 0) {
        const Instant begins = std::max(now, free_at_);
        if (begins - now > kQueue) return Fate::kQueueFull;
        leaves = begins + Duration(static_cast<std::int64_t>(packet.size * kBitsTimesNanoseconds / settings_.rate));
    }
    if (!room.has(cost_of(packet))) return Fate::kQueueFull;
    free_at_ = leaves;
    Instant due = leaves;
    if (!happens(settings_.reorder)) due = last_due_ = std::max(leaves + draw_delay(), last_due_);
    if (happens(settings_.duplicate)) {
        hold(due, packet, room);
        if (!room.has(cost_of(packet))) return Fate::kHeld;
    }
    hold(due, std::move(packet), room);
    return Fate::kHeld;
}

void TestLine::hold(Instant due, Packet packet, const LineRoom& room) {
    room.add(cost_of(packet));
    held_.push_back({due, number_++, std::move(packet)});
    std::push_heap(held_.begin(), held_.end());
}

std::optional<TestLine::Packet> TestLine::pop(Instant now, const LineRoom& room) {
    if (held_.empty() || held_.front().due > now) return std::nullopt;
    std::pop_heap(held_.begin(), held_.end());
    Packet packet = std::move(held_.back().packet);
    held_.pop_back();
    room.remove(1, cost_of(packet));
    if (held_.empty() && held_.capacity() > kPlacesKept) held_ = {};
    return packet;
}

std::size_t TestLine::clear(const LineRoom& room) {
    const std::vector<Held> gone = std::exchange(held_, {});
    free_at_ = last_due_ = kLongAgo;  // nobody waits for what is gone
    std::size_t cost = 0;
    for (const Held& one : gone) cost += cost_of(one.packet);
    room.remove(gone.size(), cost);
    return gone.size();
}

}  // namespace warren::dataplane
