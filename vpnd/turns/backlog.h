// Trains that were received and wait for their customer's turn.
#pragma once

#include <array>
#include <span>
#include <vector>

#include "vpnd/packet/packet_buffer.h"
#include "vpnd/turns/train.h"

namespace warren::dataplane {

// Bounded in memory for each customer and in all. A large train keeps the buffer that it was received into; a smaller
// one is copied into one of the next size, so that it does not hold 64 KB. The more is held in all, the less one
// customer may hold (A. K. Choudhury, E. L. Hahne, "Dynamic Queue Length Thresholds for Shared-Memory Packet Switches",
// 1998), and the last of it is for single datagrams of those who hold nothing yet. One data worker.
class Backlog {
  public:
    struct Bounds {
        std::size_t of_customer = 8 * PacketBuffer::kSize;  // bytes of memory: eight trains, or 256 small datagrams
        std::size_t alone =
            96 *
            PacketBuffer::kSize;  // of a customer while no other has trains here: so long may the machine stand still
        std::size_t in_all = 256 * PacketBuffer::kSize;
    };
    static constexpr std::size_t kMostTaken = 64;  // trains

    Backlog() : Backlog(Bounds()) {}
    explicit Backlog(Bounds bounds);

    // The pool that trains are to be received into; `extra` more buffers than can ever wait are in it.
    static constexpr std::size_t kExtraBuffers = 16;
    [[nodiscard]] BufferPool& receive_pool() { return large_; }

    // `buffer` is the one that all of the train lies in, and nothing else; it is taken when the train is large. Null:
    // the train is copied. False when the customer holds too much: the train is for the caller to drop and count.
    [[nodiscard]] bool push(CustomerIndex customer, const Train& train, PacketBuffer* buffer);
    // Its oldest, whole trains of `packets` datagrams together, at least one. A train of more than twice as many is
    // divided. The bytes are good until release(), which goes before the next take().
    [[nodiscard]] std::span<const Train> take(CustomerIndex customer, std::size_t packets);
    void release();
    // The customer is gone: so are its trains.
    void drop(CustomerIndex customer);

    [[nodiscard]] bool has(CustomerIndex customer) const {
        return customer.value < queues_.size() && queues_[customer.value].first != kNone;
    }
    [[nodiscard]] bool empty() const { return customers_ == 0; }
    // With trains here.
    [[nodiscard]] std::size_t customers() const { return customers_; }

  private:
    static constexpr std::uint32_t kNone = UINT32_MAX;
    struct Node {
        Train train;
        PacketBuffer buffer;
        std::uint32_t next = kNone;
    };
    struct Queue {
        std::uint32_t first = kNone;  // in nodes_
        std::uint32_t last = kNone;
        std::uint32_t held = 0;  // bytes of memory
    };

    [[nodiscard]] std::uint32_t new_node();
    void unlink_first(Queue& queue);
    void free_node(std::uint32_t index);

    const Bounds bounds_;
    BufferPool large_;
    std::array<BufferPool, 3> copies_;  // by size
    std::vector<Node> nodes_;
    std::uint32_t free_ = kNone;
    std::vector<Queue> queues_;  // by CustomerIndex
    std::size_t customers_ = 0;
    std::size_t held_ = 0;
    std::array<Train, kMostTaken> taken_;
    std::uint32_t taken_nodes_ = kNone;
};

}  // namespace warren::dataplane
