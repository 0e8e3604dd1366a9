// Longest-prefix match over IPv4 and IPv6, built once and never changed.
#pragma once

#include <algorithm>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include "base/ip.h"

namespace warren {

// Maps an address to the value of the longest prefix that contains it. The prefixes are flattened into disjoint ranges
// at construction, so a lookup is one binary search: no recursion, no depth that depends on the input, at most two
// ranges (16 bytes for IPv4, 40 for IPv6) and one value a prefix. Immutable, so any number of threads may read.
template <typename T>
class Lpm {
  public:
    struct Entry {
        Prefix prefix;  // host bits are ignored
        T value;
    };

    // Matches nothing.
    Lpm() = default;
    // Of entries with the same prefix the last one counts.
    explicit Lpm(std::vector<Entry> entries) {
        std::vector<Range<KeyV4>> v4;
        std::vector<Range<KeyV6>> v6;
        values_.reserve(entries.size());
        lengths_.reserve(entries.size());
        for (Entry& entry : entries) {
            const auto at = static_cast<std::uint32_t>(values_.size());
            if (entry.prefix.address.is_v4()) {
                v4.push_back(range_v4(entry.prefix, at));
            } else {
                v6.push_back(range_v6(entry.prefix, at));
            }
            values_.push_back(std::move(entry.value));
            lengths_.push_back(entry.prefix.length);
        }
        prefixes_ = v4_.build(v4) + v6_.build(v6);
    }

    // Null when no prefix contains the address. The pointer lives as long as this object.
    [[nodiscard]] const T* find(const IpAddress& address) const {
        const std::uint32_t at = place_of(address);
        return at == kNone ? nullptr : &values_[at];
    }

    struct Match {
        const T* value = nullptr;  // null: no prefix contains the address
        std::uint8_t length = 0;   // of the prefix
    };
    // As find().
    [[nodiscard]] Match find_match(const IpAddress& address) const {
        const std::uint32_t at = place_of(address);
        return at == kNone ? Match{} : Match{&values_[at], lengths_[at]};
    }

    // Distinct prefixes.
    [[nodiscard]] std::size_t size() const { return prefixes_; }

  private:
    static constexpr std::uint32_t kNone = std::numeric_limits<std::uint32_t>::max();

    // Addresses as numbers, so that a prefix is the range from first to last.
    struct KeyV4 {
        std::uint32_t value = 0;
        auto operator<=>(const KeyV4&) const = default;
        [[nodiscard]] KeyV4 next() const { return {value + 1}; }
        static KeyV4 maximum() { return {std::numeric_limits<std::uint32_t>::max()}; }
    };
    struct KeyV6 {
        std::uint64_t high = 0;
        std::uint64_t low = 0;
        auto operator<=>(const KeyV6&) const = default;
        [[nodiscard]] KeyV6 next() const { return {low + 1 == 0 ? high + 1 : high, low + 1}; }
        static KeyV6 maximum() {
            return {std::numeric_limits<std::uint64_t>::max(), std::numeric_limits<std::uint64_t>::max()};
        }
    };
    template <typename Key>
    struct Range {
        Key first;
        Key last;
        std::uint32_t entry;
    };

    [[nodiscard]] std::uint32_t place_of(const IpAddress& address) const {
        return address.is_v4() ? v4_.find(key_v4(address)) : v6_.find(key_v6(address));
    }
    static KeyV4 key_v4(const IpAddress& address) { return {load_be<std::uint32_t>(address.octets.data())}; }
    static KeyV6 key_v6(const IpAddress& address) {
        return {load_be<std::uint64_t>(address.octets.data()), load_be<std::uint64_t>(address.octets.data() + 8)};
    }
    // Ones in all but the first `length` bits.
    static std::uint64_t host_bits(unsigned length) {
        return length >= 64 ? 0 : std::numeric_limits<std::uint64_t>::max() >> length;
    }
    static Range<KeyV4> range_v4(const Prefix& prefix, std::uint32_t entry) {
        const KeyV4 first = key_v4(prefix.network().address);
        return {first, {first.value | static_cast<std::uint32_t>(host_bits(32U + prefix.length))}, entry};
    }
    static Range<KeyV6> range_v6(const Prefix& prefix, std::uint32_t entry) {
        const KeyV6 first = key_v6(prefix.network().address);
        const unsigned in_low = prefix.length > 64 ? prefix.length - 64U : 0;
        return {first, {first.high | host_bits(prefix.length), first.low | host_bits(in_low)}, entry};
    }

    // Disjoint ranges that cover every address: firsts_[i] up to firsts_[i + 1] belongs to entries_[i].
    template <typename Key>
    class Table {
      public:
        // Returns the count of distinct prefixes.
        std::size_t build(std::vector<Range<Key>>& ranges) {
            if (ranges.empty()) return 0;
            // Outer prefixes before the ones inside them; equal ones in the order given.
            std::stable_sort(ranges.begin(), ranges.end(), [](const Range<Key>& a, const Range<Key>& b) {
                return a.first != b.first ? a.first < b.first : b.last < a.last;
            });
            std::vector<Range<Key>> open;  // each inside the one before
            std::size_t distinct = 0;
            start_at(Key{}, kNone);
            for (const Range<Key>& range : ranges) {
                while (!open.empty() && open.back().last < range.first) close(open);
                if (!open.empty() && open.back().first == range.first && open.back().last == range.last) {
                    open.back().entry = range.entry;
                } else {
                    open.push_back(range);
                    ++distinct;
                }
                start_at(range.first, range.entry);
            }
            while (!open.empty()) close(open);
            firsts_.shrink_to_fit();
            entries_.shrink_to_fit();
            return distinct;
        }

        [[nodiscard]] std::uint32_t find(const Key& key) const {
            const auto after = std::upper_bound(firsts_.begin(), firsts_.end(), key);
            if (after == firsts_.begin()) return kNone;
            return entries_[static_cast<std::size_t>(after - firsts_.begin()) - 1];
        }

      private:
        // Ends the innermost open range: what follows belongs to the one around it.
        void close(std::vector<Range<Key>>& open) {
            const Key last = open.back().last;
            open.pop_back();
            if (last == Key::maximum()) return;
            start_at(last.next(), open.empty() ? kNone : open.back().entry);
        }
        void start_at(const Key& first, std::uint32_t entry) {
            if (!firsts_.empty() && firsts_.back() == first) {
                entries_.back() = entry;
                return;
            }
            firsts_.push_back(first);
            entries_.push_back(entry);
        }

        std::vector<Key> firsts_;
        std::vector<std::uint32_t> entries_;
    };

    Table<KeyV4> v4_;
    Table<KeyV6> v6_;
    std::vector<T> values_;
    std::vector<std::uint8_t> lengths_;  // of the values' prefixes
    std::size_t prefixes_ = 0;
};

}  // namespace warren
