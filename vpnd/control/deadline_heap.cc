#include "vpnd/control/deadline_heap.h"

namespace warren::control {

void DeadlineHeap::set(std::uint32_t timer, Instant deadline) {
    if (timer >= positions_.size()) {
        if (deadline == kNever) return;
        positions_.resize(timer + 1, kAbsent);
    }
    const std::uint32_t at = positions_[timer];
    if (at == kAbsent) {
        if (deadline == kNever) return;
        heap_.push_back({deadline, timer});
        positions_[timer] = static_cast<std::uint32_t>(heap_.size() - 1);
        sift_up(heap_.size() - 1);
        return;
    }
    if (deadline == kNever) return erase(at);
    const Instant before = heap_[at].deadline;
    heap_[at].deadline = deadline;
    if (deadline < before) sift_up(at);
    if (deadline > before) sift_down(at);
}

Instant DeadlineHeap::deadline_of(std::uint32_t timer) const {
    if (timer >= positions_.size() || positions_[timer] == kAbsent) return kNever;
    return heap_[positions_[timer]].deadline;
}

void DeadlineHeap::take_due(Instant now, std::size_t limit, std::vector<std::uint32_t>& due) {
    for (; limit > 0 && !heap_.empty() && heap_.front().deadline <= now; --limit) {
        due.push_back(heap_.front().timer);
        erase(0);
    }
}

void DeadlineHeap::place(std::size_t at, Entry entry) {
    heap_[at] = entry;
    positions_[entry.timer] = static_cast<std::uint32_t>(at);
}

void DeadlineHeap::sift_up(std::size_t at) {
    const Entry moving = heap_[at];
    while (at > 0) {
        const std::size_t parent = (at - 1) / 2;
        if (heap_[parent].deadline <= moving.deadline) break;
        place(at, heap_[parent]);
        at = parent;
    }
    place(at, moving);
}

void DeadlineHeap::sift_down(std::size_t at) {
    const Entry moving = heap_[at];
    for (;;) {
        std::size_t child = 2 * at + 1;
        if (child >= heap_.size()) break;
        if (child + 1 < heap_.size() && heap_[child + 1].deadline < heap_[child].deadline) ++child;
        if (moving.deadline <= heap_[child].deadline) break;
        place(at, heap_[child]);
        at = child;
    }
    place(at, moving);
}

void DeadlineHeap::erase(std::size_t at) {
    positions_[heap_[at].timer] = kAbsent;
    const Entry last = heap_.back();
    heap_.pop_back();
    if (at == heap_.size()) return;
    place(at, last);
    sift_up(at);
    sift_down(positions_[last.timer]);
}

}  // namespace warren::control
