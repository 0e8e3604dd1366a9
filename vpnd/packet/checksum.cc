#include "vpnd/packet/checksum.h"

#include <bit>
#include <cstring>

namespace warren::dataplane {

namespace {

// Four words side by side; a machine without such registers uses smaller ones.
using Words [[gnu::vector_size(32)]] = std::uint64_t;
constexpr std::size_t kStep = 2 * sizeof(Words);

// Both halves of a word apart, so that no carry is lost in 64 bits however long the packet.
template <typename Word>
struct Accumulator {
    Word low{};
    Word high{};
};
template <typename Word>
[[gnu::always_inline]] inline void add(Accumulator<Word>& sum, const Word& word) {
    sum.low += word & 0xffffffffU;
    sum.high += word >> 32;
}

template <typename Word, bool kCopy>
[[gnu::always_inline]] inline void take(Accumulator<Word>& sum, std::uint8_t*& to, const std::uint8_t*& from) {
    Word word;
    std::memcpy(&word, from, sizeof word);
    if constexpr (kCopy) {
        std::memcpy(to, &word, sizeof word);
        to += sizeof word;
    }
    from += sizeof word;
    add(sum, word);
}

// What is shorter than a word lies at an even offset, so it adds like a word that ends in zeros.
template <typename Part, bool kCopy>
[[gnu::always_inline]] inline void take_part(Accumulator<std::uint64_t>& sum, std::uint8_t*& to,
                                             const std::uint8_t*& from) {
    Part part;
    std::memcpy(&part, from, sizeof part);
    if constexpr (kCopy) {
        std::memcpy(to, &part, sizeof part);
        to += sizeof part;
    }
    from += sizeof part;
    sum.low += part;
}

template <bool kCopy>
[[gnu::always_inline]] inline ChecksumSum sum_and_copy(std::uint8_t* to, const std::uint8_t* from, std::size_t size) {
    Accumulator<std::uint64_t> rest;
    if (size >= kStep) {
        Accumulator<Words> first;
        Accumulator<Words> second;
        for (; size >= kStep; size -= kStep) {
            take<Words, kCopy>(first, to, from);
            take<Words, kCopy>(second, to, from);
        }
        const Words low = first.low + second.low;
        const Words high = first.high + second.high;
        for (int lane = 0; lane < 4; ++lane) rest.low += low[lane] + high[lane];
    }
    for (; size >= 8; size -= 8) take<std::uint64_t, kCopy>(rest, to, from);
    if ((size & 4) != 0) take_part<std::uint32_t, kCopy>(rest, to, from);
    if ((size & 2) != 0) take_part<std::uint16_t, kCopy>(rest, to, from);
    if ((size & 1) != 0) take_part<std::uint8_t, kCopy>(rest, to, from);
    return rest.low + rest.high;
}

static_assert(std::endian::native == std::endian::little, "parts of a word add as they lie in memory");

#if defined(__x86_64__)
const bool kHasWideRegisters = __builtin_cpu_supports("avx2") != 0;

template <bool kCopy>
[[gnu::target("avx2")]] ChecksumSum sum_and_copy_wide(std::uint8_t* to, const std::uint8_t* from, std::size_t size) {
    return sum_and_copy<kCopy>(to, from, size);
}

template <bool kCopy>
ChecksumSum run(std::uint8_t* to, Bytes from) {
    if (kHasWideRegisters && from.size() >= kStep) return sum_and_copy_wide<kCopy>(to, from.data(), from.size());
    return sum_and_copy<kCopy>(to, from.data(), from.size());
}
#else
template <bool kCopy>
ChecksumSum run(std::uint8_t* to, Bytes from) {
    return sum_and_copy<kCopy>(to, from.data(), from.size());
}
#endif

}  // namespace

ChecksumSum checksum_sum(Bytes bytes) {
    return run<false>(nullptr, bytes);
}

ChecksumSum checksum_copy(std::uint8_t* to, Bytes from) {
    return run<true>(to, from);
}

}  // namespace warren::dataplane
