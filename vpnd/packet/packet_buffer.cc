#include "vpnd/packet/packet_buffer.h"

namespace warren::dataplane {

PacketBuffer& PacketBuffer::operator=(PacketBuffer&& other) noexcept {
    if (this != &other) {
        release();
        pool_ = std::exchange(other.pool_, nullptr);
        memory_ = std::exchange(other.memory_, nullptr);
    }
    return *this;
}

void PacketBuffer::release() {
    if (memory_ != nullptr) pool_->give_back(std::exchange(memory_, nullptr));
}

BufferPool::BufferPool(std::size_t capacity, std::size_t size) : capacity_(capacity), size_(size) {
    slabs_.reserve(capacity);
    free_.reserve(capacity);
}

PacketBuffer BufferPool::take() {
    if (taken_ == capacity_) return {};
    if (free_.empty()) {
        slabs_.push_back(std::make_unique<std::uint8_t[]>(PacketBuffer::kHeadroom + size_));
        free_.push_back(slabs_.back().get());
    }
    std::uint8_t* memory = free_.back();
    free_.pop_back();
    ++taken_;
    return {this, memory};
}

void BufferPool::give_back(std::uint8_t* memory) {
    free_.push_back(memory);
    --taken_;
}

}  // namespace warren::dataplane
