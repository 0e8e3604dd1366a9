// Finds values that are kept elsewhere by a key that is kept with them: an index in 4 bytes a slot, where a node of a
// map costs 40 or more.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace warren {

// A set of places (dense numbers below 2^32 - 1) with open addressing and linear probing, at most two thirds full. The
// table knows neither keys nor values: each call brings `hash_of`, which gives the hash of the key at a place, or `is`,
// which says whether the key looked for is at a place. An attacker must not be able to choose keys whose hashes
// collide. One thread.
class SlotTable {
  public:
    static constexpr std::uint32_t kNone = UINT32_MAX;

    // kNone when no place with this hash satisfies `is`.
    template <typename Is>
    [[nodiscard]] std::uint32_t find(std::size_t hash, const Is& is) const {
        if (slots_.empty()) return kNone;
        for (std::size_t at = home_of(hash);; at = next(at)) {
            if (slots_[at] == kNone || is(slots_[at])) return slots_[at];
        }
    }

    // Neither `place` nor another place of the same key is in the table; hash_of(place) is valid already.
    template <typename HashOf>
    void insert(std::uint32_t place, const HashOf& hash_of) {
        if ((size_ + 1) * 3 > slots_.size() * 2) grow(hash_of);
        put(place, hash_of(place));
        ++size_;
    }

    // `place` is in the table; hash_of(place) has not changed. Later ones of the same run move up, so that no search
    // ends early.
    template <typename HashOf>
    void erase(std::uint32_t place, const HashOf& hash_of) {
        std::size_t hole = home_of(hash_of(place));
        while (slots_[hole] != place) hole = next(hole);
        --size_;
        for (std::size_t at = next(hole); slots_[at] != kNone; at = next(at)) {
            const std::size_t to_home = (at - home_of(hash_of(slots_[at]))) & (slots_.size() - 1);
            const std::size_t to_hole = (at - hole) & (slots_.size() - 1);
            if (to_home < to_hole) continue;
            slots_[hole] = slots_[at];
            hole = at;
        }
        slots_[hole] = kNone;
    }

    [[nodiscard]] std::size_t size() const { return size_; }

  private:
    static constexpr std::size_t kFirstSlots = 4;

    // Dense numbers and the first bytes of keys alike are spread over all bits (Fibonacci hashing, Knuth 6.4).
    [[nodiscard]] std::size_t home_of(std::size_t hash) const {
        return (hash * 0x9e3779b97f4a7c15U >> 32) & (slots_.size() - 1);
    }
    [[nodiscard]] std::size_t next(std::size_t at) const { return (at + 1) & (slots_.size() - 1); }

    void put(std::uint32_t place, std::size_t hash) {
        std::size_t at = home_of(hash);
        while (slots_[at] != kNone) at = next(at);
        slots_[at] = place;
    }

    template <typename HashOf>
    void grow(const HashOf& hash_of) {
        const std::vector<std::uint32_t> old = std::exchange(slots_, {});
        slots_.assign(old.empty() ? kFirstSlots : old.size() * 2, kNone);
        for (const std::uint32_t place : old) {
            if (place != kNone) put(place, hash_of(place));
        }
    }

    std::vector<std::uint32_t> slots_;
    std::size_t size_ = 0;
};

}  // namespace warren
