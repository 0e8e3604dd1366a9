// Queues that cannot grow: the caller learns what does not fit, drops it and counts it.
#pragma once

#include <atomic>
#include <bit>
#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

namespace warren {

// A first-in first-out ring of a fixed capacity. One thread.
template <typename T>
class BoundedQueue {
  public:
    explicit BoundedQueue(std::size_t capacity) : slots_(capacity) {}

    // False, and `value` untouched, when full.
    [[nodiscard]] bool push(T&& value) {
        if (full()) return false;
        slots_[(head_ + size_) % slots_.size()] = std::move(value);
        ++size_;
        return true;
    }
    // The oldest, or nothing when empty.
    std::optional<T> pop() {
        if (empty()) return std::nullopt;
        std::optional<T> out(std::move(slots_[head_]));
        slots_[head_] = T();
        head_ = (head_ + 1) % slots_.size();
        --size_;
        return out;
    }

    [[nodiscard]] std::size_t size() const { return size_; }
    [[nodiscard]] std::size_t capacity() const { return slots_.size(); }
    [[nodiscard]] bool empty() const { return size_ == 0; }
    [[nodiscard]] bool full() const { return size_ == slots_.size(); }

  private:
    std::vector<T> slots_;
    std::size_t head_ = 0;
    std::size_t size_ = 0;
};

// The same between exactly two threads, one that pushes and one that pops. No lock, no allocation after construction.
// Every access is sequentially consistent, so that a flag stored before a push that failed is seen by the thread that
// makes room.
template <typename T>
class SpscQueue {
  public:
    // The capacity is rounded up to a power of two.
    explicit SpscQueue(std::size_t capacity) : slots_(std::bit_ceil(capacity)) {}

    // Pushing thread. False, and `value` untouched, when full.
    [[nodiscard]] bool push(T&& value) {
        const std::size_t tail = tail_.load();
        if (tail - head_.load() == slots_.size()) return false;
        slots_[tail & (slots_.size() - 1)] = std::move(value);
        tail_.store(tail + 1);
        return true;
    }
    // Popping thread.
    std::optional<T> pop() {
        const std::size_t head = head_.load();
        if (head == tail_.load()) return std::nullopt;
        T& slot = slots_[head & (slots_.size() - 1)];
        std::optional<T> out(std::move(slot));
        slot = T();
        head_.store(head + 1);
        return out;
    }
    // Either thread. A snapshot: for the pushing thread the room can only have grown since, for the popping one the
    // values.
    [[nodiscard]] bool empty() const { return size() == 0; }
    [[nodiscard]] std::size_t size() const {
        const std::size_t head = head_.load();
        return tail_.load() - head;
    }
    [[nodiscard]] std::size_t capacity() const { return slots_.size(); }

  private:
    std::vector<T> slots_;
    alignas(64) std::atomic<std::size_t> head_{0};  // pops so far
    alignas(64) std::atomic<std::size_t> tail_{0};  // pushes so far
};

}  // namespace warren
