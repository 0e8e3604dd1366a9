#include "vpnd/dataplane/checksum.h"

namespace warren::dataplane {

namespace {

// Both halves apart, so that no carry is lost in 64 bits however long the packet.
struct Accumulator {
    std::uint64_t low = 0;
    std::uint64_t high = 0;
    void add(std::uint64_t word) {
        low += word & 0xffffffffU;
        high += word >> 32;
    }
    [[nodiscard]] ChecksumSum total() const { return low + high; }
};

template <bool kCopy>
ChecksumSum sum_and_copy(std::uint8_t* to, const std::uint8_t* from, std::size_t size) {
    Accumulator first;
    Accumulator second;
    std::size_t at = 0;
    for (; at + 16 <= size; at += 16) {
        const auto a = load_le<std::uint64_t>(from + at);
        const auto b = load_le<std::uint64_t>(from + at + 8);
        first.add(a);
        second.add(b);
        if constexpr (kCopy) {
            store_le(to + at, a);
            store_le(to + at + 8, b);
        }
    }
    std::array<std::uint8_t, 16> tail{};
    if (at < size) std::memcpy(tail.data(), from + at, size - at);
    first.add(load_le<std::uint64_t>(tail.data()));
    second.add(load_le<std::uint64_t>(tail.data() + 8));
    if constexpr (kCopy) {
        if (at < size) std::memcpy(to + at, from + at, size - at);
    }
    return first.total() + second.total();
}

}  // namespace

ChecksumSum checksum_sum(Bytes bytes) {
    return sum_and_copy<false>(nullptr, bytes.data(), bytes.size());
}

ChecksumSum checksum_copy(std::uint8_t* to, Bytes from) {
    return sum_and_copy<true>(to, from.data(), from.size());
}

}  // namespace warren::dataplane
