#include "stacks/plan/neighbours.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <initializer_list>

namespace warren::stacks {
namespace {

TEST_CASE("tables of the needed size give every stack the most, and the uplink its reserve") {
    for (const std::size_t stacks : {1U, 2U, 100U, 10'000U}) {
        const std::uint32_t needed = needed_entries(stacks);
        CHECK(neighbours_per_stack(stacks, {needed, needed}) == kMostNeighbours);
        CHECK(needed >= 1024 + stacks * 2 * kMostNeighbours);
    }
}

TEST_CASE("in smaller tables the stacks share what leaves a quarter, or 1024 entries, to the uplink") {
    CHECK(neighbours_per_stack(1, {1024, 1024}) == 256);
    CHECK(neighbours_per_stack(2, {1024, 1024}) == 128);
    CHECK(neighbours_per_stack(2, {1024, 4096}) == 128);
    CHECK(neighbours_per_stack(2, {4096, 1024}) == 128);
    CHECK(neighbours_per_stack(6, {1024, 1024}) == 64);
    for (const std::uint32_t entries : {1024U, 5000U, 70'000U}) {
        for (std::size_t stacks = 1; stacks < 24; ++stacks)
            CHECK(stacks * 2 * neighbours_per_stack(stacks, {entries, entries}) <=
                  entries - std::min(entries / 4, 1024U));
    }
}

TEST_CASE("a stack never gets none, and no number overflows") {
    CHECK(neighbours_per_stack(100'000, {1024, 1024}) == kLeastNeighbours);
    CHECK(neighbours_per_stack(1, {0, 0}) == kLeastNeighbours);
    CHECK(neighbours_per_stack(SIZE_MAX / 4, {UINT32_MAX, UINT32_MAX}) == kLeastNeighbours);
    CHECK(needed_entries(100'000'000) == 1U << 30U);
}

}  // namespace
}  // namespace warren::stacks
