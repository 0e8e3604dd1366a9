// Which message counters of a session were received (RFC 6479).
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

namespace warren::dataplane {

// A ring of 8192 bits, of which one 64-bit word is always being refilled: 8128 counters behind the newest can be told
// apart, and fewer are where a smaller window is asked for. A fresh window accepts every counter. Not for concurrent
// use. Source: RFC 6479.
class ReplayWindow {
  public:
    static constexpr std::uint64_t kRingBits = 8192;
    static constexpr std::uint64_t kWordBits = 64;
    // How far behind the newest a counter may be, at most and at least; older ones are refused unseen.
    static constexpr std::uint64_t kSize = kRingBits - kWordBits;
    static constexpr std::uint64_t kLeastSize = 64;  // RFC 4303 §3.4.3

    ReplayWindow() = default;
    // `size` is brought between kLeastSize and kSize.
    explicit ReplayWindow(std::uint64_t size) : size_(std::clamp(size, kLeastSize, kSize)) {}

    // True when `counter` is certainly refused: too far behind the newest. May be asked before authentication, changes
    // nothing.
    [[nodiscard]] bool is_too_old(std::uint64_t counter) const {
        return counter < newest_ && newest_ - counter > size_;
    }

    // Marks an authentic message's counter. False when it is too old or was marked before; then nothing changes.
    [[nodiscard]] bool mark(std::uint64_t counter) {
        if (is_too_old(counter)) return false;
        if (counter > newest_) advance_to(counter);
        std::uint64_t& word = words_[word_of(counter) % kWords];
        const std::uint64_t bit = std::uint64_t{1} << (counter % kWordBits);
        if ((word & bit) != 0) return false;
        word |= bit;
        return true;
    }

    // The highest counter marked, 0 when there is none.
    [[nodiscard]] std::uint64_t newest() const { return newest_; }
    [[nodiscard]] std::uint64_t size() const { return size_; }

    static constexpr std::size_t kKeptWords = 4;
    using KeptWords = std::array<std::uint64_t, kKeptWords>;

    // The newest word and those before it: 192 to 256 counters.
    [[nodiscard]] KeptWords keep() const {
        KeptWords out{};
        for (std::size_t i = 0; i < kKeptWords; ++i) out[i] = words_[(word_of(newest_) - i) % kWords];
        return out;
    }
    // A window whose newest counter is `newest`; `size` as of a new one. What keep() said of the newest is taken over
    // when it is known; all other counters up to `newest` are marked.
    [[nodiscard]] static ReplayWindow resume(std::uint64_t newest, const KeptWords* kept, std::uint64_t size = kSize) {
        ReplayWindow out(size);
        out.words_.fill(UINT64_MAX);
        out.newest_ = newest;
        const std::uint64_t word = word_of(newest);
        if (kept != nullptr) {
            for (std::size_t i = 0; i < kKeptWords && i <= word; ++i) out.words_[(word - i) % kWords] = (*kept)[i];
        }
        // The ring's word of the newest counter holds later ones too, which were not received.
        const std::uint64_t bit = std::uint64_t{1} << (newest % kWordBits);
        std::uint64_t& last = out.words_[word % kWords];
        last = (last & (bit - 1)) | bit;
        return out;
    }

  private:
    static constexpr std::size_t kWords = kRingBits / kWordBits;

    static constexpr std::uint64_t word_of(std::uint64_t counter) { return counter / kWordBits; }

    // Clears the words between the old newest and the new one.
    void advance_to(std::uint64_t counter) {
        const std::uint64_t from = word_of(newest_);
        const std::uint64_t steps = word_of(counter) - from;
        for (std::uint64_t i = 1; i <= steps && i <= kWords; ++i) words_[(from + i) % kWords] = 0;
        newest_ = counter;
    }

    std::array<std::uint64_t, kWords> words_{};
    std::uint64_t newest_ = 0;
    std::uint64_t size_ = kSize;
};

}  // namespace warren::dataplane
