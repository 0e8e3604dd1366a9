#include "vpnd/turns/backlog.h"

#include <algorithm>

#include "base/check.h"

namespace warren::dataplane {

namespace {

// With its headroom two kilobytes: a datagram that fits an uplink of 1500 bytes; five of them; twenty.
constexpr std::array<std::size_t, 3> kCopySizes{2'048 - PacketBuffer::kHeadroom, 8'192 - PacketBuffer::kHeadroom,
                                                32'768 - PacketBuffer::kHeadroom};

}  // namespace

Backlog::Backlog(Bounds bounds)
    : bounds_(bounds),
      large_(bounds.in_all / PacketBuffer::kSize + kExtraBuffers),
      copies_{BufferPool(bounds.in_all / kCopySizes[0] + 1, kCopySizes[0]),
              BufferPool(bounds.in_all / kCopySizes[1] + 1, kCopySizes[1]),
              BufferPool(bounds.in_all / kCopySizes[2] + 1, kCopySizes[2])} {}

bool Backlog::push(CustomerIndex customer, const Train& train, PacketBuffer* buffer) {
    if (customer.value >= queues_.size()) queues_.resize(customer.value + std::size_t{1});
    Queue& queue = queues_[customer.value];
    std::size_t fit = 0;  // of copies_; else large
    while (fit < kCopySizes.size() && train.bytes.size() > kCopySizes[fit]) ++fit;
    const bool is_large = fit == kCopySizes.size();
    const std::size_t cost = is_large ? PacketBuffer::kSize : kCopySizes[fit];
    const bool is_alone = queue.held == held_;
    const std::size_t kept_back = fit == 0 && queue.held == 0 ? 0 : bounds_.in_all / 32;
    const std::size_t in_all = bounds_.in_all - std::min(bounds_.in_all, held_ + kept_back);
    const std::size_t allowed = std::min(is_alone ? bounds_.alone : bounds_.of_customer, in_all);
    if (queue.held + cost > allowed) return false;

    const std::uint32_t index = new_node();
    Node& node = nodes_[index];
    node.train = train;
    node.next = kNone;
    if (is_large && buffer != nullptr) {
        node.buffer = std::move(*buffer);
    } else {
        node.buffer = (is_large ? large_ : copies_[fit]).take();
        WARREN_CHECK(node.buffer.valid());  // the pools hold as much as the bounds allow
        node.train.bytes = node.buffer.bytes().first(train.bytes.size());
        std::copy(train.bytes.begin(), train.bytes.end(), node.train.bytes.begin());
    }
    if (queue.first == kNone) {
        queue.first = index;
        ++customers_;
    } else {
        nodes_[queue.last].next = index;
    }
    queue.last = index;
    queue.held += static_cast<std::uint32_t>(cost);
    held_ += cost;
    return true;
}

std::span<const Train> Backlog::take(CustomerIndex customer, std::size_t packets) {
    WARREN_CHECK(taken_nodes_ == kNone);
    if (!has(customer)) return {};
    Queue& queue = queues_[customer.value];
    std::size_t count = 0;
    for (std::size_t room = packets; queue.first != kNone && count < taken_.size();) {
        Train& train = nodes_[queue.first].train;
        const std::size_t size = train.count();
        if (count == 0 && size > 2 * std::max(packets, std::size_t{1})) {
            const std::size_t cut = train.stride() * std::max(packets, std::size_t{1});
            taken_[0] = train;
            taken_[0].bytes = train.bytes.first(cut);
            train.bytes = train.bytes.subspan(cut);
            return std::span(taken_).first(1);
        }
        if (count > 0 && size > room) break;
        taken_[count++] = train;
        room -= std::min(room, size);
        unlink_first(queue);
    }
    return std::span(taken_).first(count);
}

void Backlog::release() {
    while (taken_nodes_ != kNone) {
        const std::uint32_t next = nodes_[taken_nodes_].next;
        free_node(taken_nodes_);
        taken_nodes_ = next;
    }
}

void Backlog::drop(CustomerIndex customer) {
    if (!has(customer)) return;
    while (has(customer)) unlink_first(queues_[customer.value]);
    release();
}

std::uint32_t Backlog::new_node() {
    if (free_ == kNone) {
        nodes_.emplace_back();
        return static_cast<std::uint32_t>(nodes_.size() - 1);
    }
    return std::exchange(free_, nodes_[free_].next);
}

// Its memory stays until release().
void Backlog::unlink_first(Queue& queue) {
    const std::uint32_t index = queue.first;
    Node& node = nodes_[index];
    queue.first = node.next;
    if (queue.first == kNone) --customers_;
    node.next = std::exchange(taken_nodes_, index);
    const auto cost = static_cast<std::uint32_t>(node.buffer.bytes().size());
    queue.held -= cost;
    held_ -= cost;
}

void Backlog::free_node(std::uint32_t index) {
    nodes_[index].buffer = PacketBuffer();
    nodes_[index].next = std::exchange(free_, index);
}

}  // namespace warren::dataplane
