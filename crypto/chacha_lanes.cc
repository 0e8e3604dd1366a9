// RFC 8439 §2.3. A register holds one row of the state of several blocks, 128 bits of each, so a quarter round of all
// four columns is one operation on registers, and diagonals are columns after three rotations of a row. Four such sets
// take turns, because each operation waits for the one before it.
#include "crypto/chacha_lanes.h"

#if defined(__x86_64__)

// GCC 12 takes its own "undefined" registers for a mistake (its bug 105593).
#pragma GCC diagnostic push
#ifndef __clang__
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <immintrin.h>
#pragma GCC diagnostic pop

namespace warren::crypto {

namespace {

constexpr int kDoubleRounds = 10;

__m128i constants() {
    return _mm_setr_epi32(0x61707865, 0x3320646e, 0x79622d32, 0x6b206574);
}
__m128i counter_and_nonce(const ChachaBlock& block) {
    return _mm_set_epi64x(static_cast<long long>(block.iv),
                          static_cast<long long>(std::uint64_t{block.salt} << 32 | block.counter));
}
__m128i key_row(const ChachaBlock& block, int row) {
    return _mm_loadu_si128(reinterpret_cast<const __m128i*>(block.key) + row);
}

#define WARREN_AVX512 __attribute__((target("avx512f"), always_inline)) inline

// Four blocks: rows 0 to 3 of each.
struct Wide {
    __m512i a, b, c, d;
};

WARREN_AVX512 __m512i join(__m128i first, __m128i second, __m128i third, __m128i fourth) {
    __m512i out = _mm512_castsi128_si512(first);
    out = _mm512_inserti32x4(out, second, 1);
    out = _mm512_inserti32x4(out, third, 2);
    return _mm512_inserti32x4(out, fourth, 3);
}

WARREN_AVX512 Wide load(const ChachaBlock* block) {
    return {_mm512_broadcast_i32x4(constants()),
            join(key_row(block[0], 0), key_row(block[1], 0), key_row(block[2], 0), key_row(block[3], 0)),
            join(key_row(block[0], 1), key_row(block[1], 1), key_row(block[2], 1), key_row(block[3], 1)),
            join(counter_and_nonce(block[0]), counter_and_nonce(block[1]), counter_and_nonce(block[2]),
                 counter_and_nonce(block[3]))};
}

template <int kBits>
WARREN_AVX512 void step(__m512i& sum, __m512i term, __m512i& turned) {
    sum = _mm512_add_epi32(sum, term);
    turned = _mm512_rol_epi32(_mm512_xor_si512(turned, sum), kBits);
}

// Spelled out, because the compiler keeps an array's elements in memory.
WARREN_AVX512 void quarter_rounds(Wide& s0, Wide& s1, Wide& s2, Wide& s3) {
    step<16>(s0.a, s0.b, s0.d);
    step<16>(s1.a, s1.b, s1.d);
    step<16>(s2.a, s2.b, s2.d);
    step<16>(s3.a, s3.b, s3.d);
    step<12>(s0.c, s0.d, s0.b);
    step<12>(s1.c, s1.d, s1.b);
    step<12>(s2.c, s2.d, s2.b);
    step<12>(s3.c, s3.d, s3.b);
    step<8>(s0.a, s0.b, s0.d);
    step<8>(s1.a, s1.b, s1.d);
    step<8>(s2.a, s2.b, s2.d);
    step<8>(s3.a, s3.b, s3.d);
    step<7>(s0.c, s0.d, s0.b);
    step<7>(s1.c, s1.d, s1.b);
    step<7>(s2.c, s2.d, s2.b);
    step<7>(s3.c, s3.d, s3.b);
}

// Word i of row b comes under word i of row a from one place further on, of c from two, of d from three.
WARREN_AVX512 void diagonals_to_columns(Wide& s) {
    s.b = _mm512_shuffle_epi32(s.b, _MM_PERM_ADCB);
    s.c = _mm512_shuffle_epi32(s.c, _MM_PERM_BADC);
    s.d = _mm512_shuffle_epi32(s.d, _MM_PERM_CBAD);
}
WARREN_AVX512 void columns_to_diagonals(Wide& s) {
    s.b = _mm512_shuffle_epi32(s.b, _MM_PERM_CBAD);
    s.c = _mm512_shuffle_epi32(s.c, _MM_PERM_BADC);
    s.d = _mm512_shuffle_epi32(s.d, _MM_PERM_ADCB);
}

WARREN_AVX512 void store(const Wide& s, const Wide& before, std::uint8_t* out) {
    const __m512i a = _mm512_add_epi32(s.a, before.a);
    const __m512i b = _mm512_add_epi32(s.b, before.b);
    const __m512i c = _mm512_add_epi32(s.c, before.c);
    const __m512i d = _mm512_add_epi32(s.d, before.d);
    // From rows of four blocks to four blocks of rows.
    const __m512i ab_low = _mm512_shuffle_i32x4(a, b, 0x44);
    const __m512i ab_high = _mm512_shuffle_i32x4(a, b, 0xee);
    const __m512i cd_low = _mm512_shuffle_i32x4(c, d, 0x44);
    const __m512i cd_high = _mm512_shuffle_i32x4(c, d, 0xee);
    _mm512_storeu_si512(out, _mm512_shuffle_i32x4(ab_low, cd_low, 0x88));
    _mm512_storeu_si512(out + kChachaBlockSize, _mm512_shuffle_i32x4(ab_low, cd_low, 0xdd));
    _mm512_storeu_si512(out + 2 * kChachaBlockSize, _mm512_shuffle_i32x4(ab_high, cd_high, 0x88));
    _mm512_storeu_si512(out + 3 * kChachaBlockSize, _mm512_shuffle_i32x4(ab_high, cd_high, 0xdd));
}

__attribute__((target("avx512f"))) void lanes_avx512(std::span<const ChachaBlock, kChachaLanes> blocks,
                                                     std::uint8_t* out) {
    Wide s0 = load(&blocks[0]);
    Wide s1 = load(&blocks[4]);
    Wide s2 = load(&blocks[8]);
    Wide s3 = load(&blocks[12]);
    for (int i = 0; i < kDoubleRounds; ++i) {
        quarter_rounds(s0, s1, s2, s3);
        diagonals_to_columns(s0);
        diagonals_to_columns(s1);
        diagonals_to_columns(s2);
        diagonals_to_columns(s3);
        quarter_rounds(s0, s1, s2, s3);
        columns_to_diagonals(s0);
        columns_to_diagonals(s1);
        columns_to_diagonals(s2);
        columns_to_diagonals(s3);
    }
    // What the rounds began with is loaded again: kept, it would be spilled, and keys would stay on the stack.
    __asm__ volatile("" ::: "memory");
    store(s0, load(&blocks[0]), out);
    store(s1, load(&blocks[4]), out + 4 * kChachaBlockSize);
    store(s2, load(&blocks[8]), out + 8 * kChachaBlockSize);
    store(s3, load(&blocks[12]), out + 12 * kChachaBlockSize);
}

}  // namespace

ChachaLanes chacha_lanes() {
    return __builtin_cpu_supports("avx512f") ? lanes_avx512 : nullptr;
}

}  // namespace warren::crypto

#else

namespace warren::crypto {

ChachaLanes chacha_lanes() {
    return nullptr;
}

}  // namespace warren::crypto

#endif
