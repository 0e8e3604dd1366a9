#include "fleet/ownership/rank.h"

#include <algorithm>
#include <bit>
#include <utility>

namespace warren::fleet {

namespace {

constexpr unsigned kFraction = 28;  // bits; the digits of the logarithm that a mantissa of 32 bits gives

// -log2(rank / 2^64) in units of 2^-kFraction, and at least 1; never less for a smaller rank. Digit by digit: each is 1
// where the square of what is left is 2 or more. No floating point, whose last digit depends on library and processor.
std::uint64_t distance_of(std::uint64_t rank) {
    rank = std::max<std::uint64_t>(rank, 1);
    const auto leading = static_cast<unsigned>(std::countl_zero(rank));
    std::uint64_t left = (rank << leading) >> 32U;  // 1 to 2, in units of 2^-31
    std::uint64_t logarithm = 63 - leading;
    for (unsigned digit = 0; digit < kFraction; ++digit) {
        left = (left * left) >> 31U;
        const std::uint64_t is_one = left >> 32U;
        left >>= is_one;
        logarithm = (logarithm << 1U) | is_one;
    }
    return (std::uint64_t{64} << kFraction) - logarithm;
}

struct Score {
    std::uint64_t rank = 0;
    std::uint64_t distance = 0;  // below 2^35, so that the product with a weight fits
    unsigned weight = kLeastWeight;
};

Score score_of(GroupNumber group, const Place& place) {
    const std::uint64_t number = rank(group, place.node);
    return {number, distance_of(number), place.weight};
}

bool is_ahead(const Score& a, const Score& b) {
    const std::uint64_t far_a = a.distance * b.weight;
    const std::uint64_t far_b = b.distance * a.weight;
    return a.weight == b.weight || far_a == far_b ? a.rank > b.rank : far_a < far_b;
}

}  // namespace

// FNV-1a, and a last mix, so that names that differ in one digit do not share their order.
std::uint64_t rank(GroupNumber group, const std::string& node) {
    std::uint64_t hash = 0xcbf29ce484222325;
    const auto add = [&hash](std::uint8_t byte) { hash = (hash ^ byte) * 0x100000001b3; };
    for (const char letter : node) add(static_cast<std::uint8_t>(letter));
    add(static_cast<std::uint8_t>(group >> 8U));
    add(static_cast<std::uint8_t>(group & 0xffU));
    hash ^= hash >> 33U;
    hash *= 0xff51afd7ed558ccd;
    return hash ^ (hash >> 33U);
}

bool is_ahead(GroupNumber of_a, const Place& a, GroupNumber of_b, const Place& b) {
    return is_ahead(score_of(of_a, a), score_of(of_b, b));
}

void sort_by_rank(GroupNumber group, std::string_view zone, std::vector<Place>& places) {
    const bool is_even = std::all_of(places.begin(), places.end(),
                                     [&places](const Place& place) { return place.weight == places.front().weight; });
    std::vector<std::pair<Score, Place>> scored;
    for (Place& place : places) {
        const Score score =
            is_even ? Score{rank(group, place.node), 0, place.weight} : score_of(group, place);  // spares the logarithm
        scored.emplace_back(score, std::move(place));
    }
    std::sort(scored.begin(), scored.end(),
              [](const auto& one, const auto& other) { return is_ahead(one.first, other.first); });
    places.clear();
    for (auto& [score, place] : scored) places.push_back(std::move(place));
    if (zone.empty()) return;
    std::stable_partition(places.begin(), places.end(),
                          [zone](const Place& place) { return !place.zone.empty() && place.zone != zone; });
}

}  // namespace warren::fleet
