#include "crypto/poly1305.h"

#include <algorithm>

#include "crypto/secret.h"

namespace warren::crypto {

namespace {

constexpr std::size_t kBlockSize = 16;

__extension__ using Wide = unsigned __int128;

// The accumulator modulo 2^130 - 5: h0 + 2^64 h1 + 2^128 h2, h2 below 8 between blocks.
class Poly1305 {
  public:
    // RFC 8439 §2.5: the first half of the key, clamped, is the factor r. The clamp leaves the highest four bits of
    // both words zero, so products fit, and the lowest two of the high word, so r1_5 is exactly 5/4 of it.
    explicit Poly1305(const std::uint8_t* key)
        : r0_(load_le<std::uint64_t>(key) & 0x0ffffffc0fffffff),
          r1_(load_le<std::uint64_t>(key + 8) & 0x0ffffffc0ffffffc),
          r1_5_(r1_ + (r1_ >> 2)) {}

    // One block with its bit 128 set: all blocks of an AEAD's text are whole.
    void add(std::uint64_t low, std::uint64_t high) {
        // The block.
        Wide sum = Wide{h0_} + low;
        const auto s0 = static_cast<std::uint64_t>(sum);
        sum = Wide{h1_} + high + static_cast<std::uint64_t>(sum >> 64);
        const auto s1 = static_cast<std::uint64_t>(sum);
        const std::uint64_t s2 = h2_ + 1 + static_cast<std::uint64_t>(sum >> 64);
        // Times r: what stands at 2^128 or more counts 5/4 times at 2^-2 of its place, because 2^130 is 5.
        const Wide p0 = Wide{s0} * r0_ + Wide{s1} * r1_5_;
        Wide p1 = Wide{s0} * r1_ + Wide{s1} * r0_ + Wide{s2 * r1_5_};
        p1 += static_cast<std::uint64_t>(p0 >> 64);
        const std::uint64_t p2 = s2 * r0_ + static_cast<std::uint64_t>(p1 >> 64);
        // What is above bit 130 comes back five times: (p2 >> 2) * 5.
        sum = Wide{static_cast<std::uint64_t>(p0)} + (p2 >> 2) + (p2 & ~std::uint64_t{3});
        h0_ = static_cast<std::uint64_t>(sum);
        sum = Wide{static_cast<std::uint64_t>(p1)} + static_cast<std::uint64_t>(sum >> 64);
        h1_ = static_cast<std::uint64_t>(sum);
        h2_ = (p2 & 3) + static_cast<std::uint64_t>(sum >> 64);
    }

    void add_padded(Bytes text) {
        const std::uint8_t* at = text.data();
        std::size_t left = text.size();
        for (; left >= kBlockSize; left -= kBlockSize, at += kBlockSize)
            add(load_le<std::uint64_t>(at), load_le<std::uint64_t>(at + 8));
        if (left == 0) return;
        std::array<std::uint8_t, kBlockSize> last{};
        std::copy_n(at, left, last.begin());
        add(load_le<std::uint64_t>(last.data()), load_le<std::uint64_t>(last.data() + 8));
    }

    // The accumulator's rest modulo 2^130 - 5, plus `pad` modulo 2^128.
    [[nodiscard]] std::array<std::uint8_t, kBlockSize> tag(const std::uint8_t* pad) const {
        // With 5 more it reaches bit 130 if it is not the rest yet; then that sum is the rest.
        Wide sum = Wide{h0_} + 5;
        const auto g0 = static_cast<std::uint64_t>(sum);
        sum = Wide{h1_} + static_cast<std::uint64_t>(sum >> 64);
        const auto g1 = static_cast<std::uint64_t>(sum);
        const std::uint64_t g2 = h2_ + static_cast<std::uint64_t>(sum >> 64);
        const std::uint64_t is_greater = std::uint64_t{0} - static_cast<std::uint64_t>((g2 >> 2) != 0);
        const std::uint64_t t0 = (g0 & is_greater) | (h0_ & ~is_greater);
        const std::uint64_t t1 = (g1 & is_greater) | (h1_ & ~is_greater);
        sum = Wide{t0} + load_le<std::uint64_t>(pad);
        std::array<std::uint8_t, kBlockSize> out;
        store_le(out.data(), static_cast<std::uint64_t>(sum));
        store_le(out.data() + 8, t1 + load_le<std::uint64_t>(pad + 8) + static_cast<std::uint64_t>(sum >> 64));
        return out;
    }

  private:
    std::uint64_t r0_, r1_, r1_5_;
    std::uint64_t h0_ = 0, h1_ = 0, h2_ = 0;
};

}  // namespace

std::array<std::uint8_t, kBlockSize> poly1305_of_aead(const std::uint8_t* key, Bytes associated, Bytes ciphertext) {
    Poly1305 state(key);
    state.add_padded(associated);
    state.add_padded(ciphertext);
    state.add(associated.size(), ciphertext.size());
    return state.tag(key + kBlockSize);
}

}  // namespace warren::crypto
