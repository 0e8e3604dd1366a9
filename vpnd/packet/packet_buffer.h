// Buffers for whole trains of packets, taken from and given back to one pool per worker.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "base/bytes.h"

namespace warren::dataplane {

class BufferPool;

// Owns one buffer of a pool until its end. Movable; the pool must outlive it. The pool's thread only.
class PacketBuffer {
  public:
    static constexpr std::size_t kHeadroom = 256;
    static constexpr std::size_t kSize = 65'536;  // of most pools

    PacketBuffer() = default;
    PacketBuffer(PacketBuffer&& other) noexcept
        : pool_(std::exchange(other.pool_, nullptr)), memory_(std::exchange(other.memory_, nullptr)) {}
    PacketBuffer& operator=(PacketBuffer&& other) noexcept;
    PacketBuffer(const PacketBuffer&) = delete;
    PacketBuffer& operator=(const PacketBuffer&) = delete;
    ~PacketBuffer() { release(); }

    [[nodiscard]] bool valid() const { return memory_ != nullptr; }
    // As many as the pool's buffers have, with kHeadroom more before them.
    [[nodiscard]] MutableBytes bytes() const;

  private:
    friend class BufferPool;
    PacketBuffer(BufferPool* pool, std::uint8_t* memory) : pool_(pool), memory_(memory) {}
    void release();

    BufferPool* pool_ = nullptr;
    std::uint8_t* memory_ = nullptr;
};

// Last in, first out, so that the next packet finds a buffer that is still in the cache. Grows in use up to its
// capacity, never shrinks. One thread.
class BufferPool {
  public:
    // `size`: bytes of one buffer, without the headroom.
    explicit BufferPool(std::size_t capacity, std::size_t size = PacketBuffer::kSize);
    BufferPool(const BufferPool&) = delete;
    BufferPool& operator=(const BufferPool&) = delete;

    // Invalid when `capacity` buffers are out.
    [[nodiscard]] PacketBuffer take();
    [[nodiscard]] std::size_t available() const { return capacity_ - taken_; }

  private:
    friend class PacketBuffer;
    void give_back(std::uint8_t* memory);

    const std::size_t capacity_;
    const std::size_t size_;
    std::size_t taken_ = 0;
    std::vector<std::unique_ptr<std::uint8_t[]>> slabs_;
    std::vector<std::uint8_t*> free_;
};

inline MutableBytes PacketBuffer::bytes() const {
    return {memory_ + kHeadroom, pool_->size_};
}

}  // namespace warren::dataplane
