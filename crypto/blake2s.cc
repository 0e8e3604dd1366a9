#include "crypto/blake2s.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "base/check.h"

namespace warren::crypto {

namespace {

constexpr std::size_t kBlockSize = 64;   // RFC 7693 §2.1, bb
constexpr std::size_t kDigestSize = 32;  // RFC 7693 §2.1, the largest nn and kk

// RFC 7693 §2.6
constexpr std::array<std::uint32_t, 8> kInitial = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                                   0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

// RFC 7693 §2.7
constexpr std::array<std::array<std::uint8_t, 16>, 10> kSigma = {{
    {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
    {14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3},
    {11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4},
    {7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8},
    {9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13},
    {2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9},
    {12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11},
    {13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10},
    {6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5},
    {10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0},
}};

template <typename T, std::size_t N>
MutableBytes bytes_of(std::array<T, N>& words) {
    return {reinterpret_cast<std::uint8_t*>(words.data()), sizeof words};
}

// The mixing function G (RFC 7693 §3.1).
inline void mix(std::array<std::uint32_t, 16>& v, unsigned a, unsigned b, unsigned c, unsigned d, std::uint32_t x,
                std::uint32_t y) {
    v[a] = v[a] + v[b] + x;
    v[d] = std::rotr(v[d] ^ v[a], 16);
    v[c] = v[c] + v[d];
    v[b] = std::rotr(v[b] ^ v[c], 12);
    v[a] = v[a] + v[b] + y;
    v[d] = std::rotr(v[d] ^ v[a], 8);
    v[c] = v[c] + v[d];
    v[b] = std::rotr(v[b] ^ v[c], 7);
}

// One round of F. A template, so that the words of the block are known where it is compiled.
template <std::size_t Round>
inline void mix_round(std::array<std::uint32_t, 16>& v, const std::array<std::uint32_t, 16>& m) {
    constexpr const auto& sigma = kSigma[Round];
    mix(v, 0, 4, 8, 12, m[sigma[0]], m[sigma[1]]);
    mix(v, 1, 5, 9, 13, m[sigma[2]], m[sigma[3]]);
    mix(v, 2, 6, 10, 14, m[sigma[4]], m[sigma[5]]);
    mix(v, 3, 7, 11, 15, m[sigma[6]], m[sigma[7]]);
    mix(v, 0, 5, 10, 15, m[sigma[8]], m[sigma[9]]);
    mix(v, 1, 6, 11, 12, m[sigma[10]], m[sigma[11]]);
    mix(v, 2, 7, 8, 13, m[sigma[12]], m[sigma[13]]);
    mix(v, 3, 4, 9, 14, m[sigma[14]], m[sigma[15]]);
}
template <std::size_t... Rounds>
inline void mix_rounds(std::array<std::uint32_t, 16>& v, const std::array<std::uint32_t, 16>& m,
                       std::index_sequence<Rounds...>) {
    (mix_round<Rounds>(v, m), ...);
}

}  // namespace

Blake2s::Blake2s(std::size_t digest_size, Bytes key) : state_(kInitial), digest_size_(digest_size) {
    WARREN_CHECK(digest_size >= 1 && digest_size <= kDigestSize && key.size() <= kDigestSize);
    state_[0] ^= 0x01010000U ^ (static_cast<std::uint32_t>(key.size()) << 8) ^ static_cast<std::uint32_t>(digest_size);
    if (key.empty()) return;
    std::copy(key.begin(), key.end(), buffer_.begin());
    buffered_ = kBlockSize;  // the key, padded with zeros, is the first block (RFC 7693 §3.3)
}

Blake2s::~Blake2s() {
    wipe(bytes_of(state_));
    wipe(buffer_);
}

void Blake2s::update(Bytes data) {
    while (!data.empty()) {
        // A full buffer is compressed only when more follows, because the last block is compressed with the flag.
        if (buffered_ == kBlockSize) flush();
        const std::size_t taken = std::min(kBlockSize - buffered_, data.size());
        std::copy_n(data.begin(), taken, buffer_.begin() + static_cast<std::ptrdiff_t>(buffered_));
        buffered_ += taken;
        data = data.subspan(taken);
    }
}

void Blake2s::flush() {
    WARREN_CHECK(buffered_ == kBlockSize);
    counter_ += kBlockSize;
    compress(buffer_.data(), false);
    buffered_ = 0;
}

void Blake2s::finish(MutableBytes out) {
    WARREN_CHECK(out.size() == digest_size_);
    counter_ += buffered_;
    std::fill(buffer_.begin() + static_cast<std::ptrdiff_t>(buffered_), buffer_.end(), std::uint8_t{0});
    compress(buffer_.data(), true);
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<std::uint8_t>(state_[i / 4] >> (8 * (i % 4)));
}

// The compression function F (RFC 7693 §3.2).
void Blake2s::compress(const std::uint8_t* block, bool last) {
    std::array<std::uint32_t, 16> m;
    for (std::size_t i = 0; i < m.size(); ++i) m[i] = load_le<std::uint32_t>(block + 4 * i);

    std::array<std::uint32_t, 16> v;
    std::copy(state_.begin(), state_.end(), v.begin());
    std::copy(kInitial.begin(), kInitial.end(), v.begin() + 8);
    v[12] ^= static_cast<std::uint32_t>(counter_);
    v[13] ^= static_cast<std::uint32_t>(counter_ >> 32);
    if (last) v[14] = ~v[14];

    mix_rounds(v, m, std::make_index_sequence<kSigma.size()>());
    for (std::size_t i = 0; i < state_.size(); ++i) state_[i] ^= v[i] ^ v[i + 8];
    wipe(bytes_of(m));
    wipe(bytes_of(v));
}

Hash blake2s(std::initializer_list<Bytes> parts) {
    Blake2s state;
    for (const Bytes part : parts) state.update(part);
    Hash out;
    state.finish(out);
    return out;
}

std::array<std::uint8_t, 16> blake2s_mac(Bytes key, std::initializer_list<Bytes> parts) {
    WARREN_CHECK(!key.empty());
    std::array<std::uint8_t, 16> out;
    Blake2s state(out.size(), key);
    for (const Bytes part : parts) state.update(part);
    state.finish(out);
    return out;
}

Hmac::Hmac(Bytes key) {
    std::array<std::uint8_t, kBlockSize> pad{};
    if (key.size() <= kBlockSize) {
        std::copy(key.begin(), key.end(), pad.begin());
    } else {
        const Hash shortened = blake2s({key});  // RFC 2104 §2
        std::copy(shortened.begin(), shortened.end(), pad.begin());
    }
    for (std::uint8_t& octet : pad) octet ^= 0x36;
    of_nothing_.update(pad);
    inner_ = of_nothing_;
    inner_.flush();
    for (std::uint8_t& octet : pad) octet ^= 0x36 ^ 0x5c;
    outer_.update(pad);
    outer_.flush();
    wipe(pad);
}

Hash Hmac::of(std::initializer_list<Bytes> parts) const {
    Hash out;
    const bool is_nothing = std::all_of(parts.begin(), parts.end(), [](Bytes part) { return part.empty(); });
    Blake2s inner = is_nothing ? of_nothing_ : inner_;
    for (const Bytes part : parts) inner.update(part);
    inner.finish(out);
    Blake2s outer = outer_;
    outer.update(out);
    outer.finish(out);
    return out;
}

Hash blake2s_hmac(Bytes key, std::initializer_list<Bytes> parts) {
    return Hmac(key).of(parts);
}

void blake2s_kdf(std::span<std::uint8_t, 32> first, MutableBytes second, MutableBytes third, Bytes key, Bytes input) {
    WARREN_CHECK(second.empty() || second.size() == kDigestSize);
    WARREN_CHECK(third.empty() || (third.size() == kDigestSize && !second.empty()));
    Hash extracted = blake2s_hmac(key, {input});
    const Hmac expand(extracted);
    Hash previous = {};
    std::size_t previous_size = 0;  // T(0) is empty (RFC 5869 §2.3)
    std::uint8_t number = 0;
    for (const MutableBytes out : {MutableBytes(first), second, third}) {
        if (out.empty()) break;
        ++number;
        previous = expand.of({Bytes(previous).first(previous_size), Bytes(&number, 1)});
        previous_size = previous.size();
        std::copy(previous.begin(), previous.end(), out.begin());
    }
    wipe(extracted);
    wipe(previous);
}

}  // namespace warren::crypto
