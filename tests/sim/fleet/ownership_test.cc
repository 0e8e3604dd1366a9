// Never two owners of a group, whatever clocks, network and processes do; and each rule that is left out is found.
#include <doctest/doctest.h>

#include <cstdlib>
#include <string>

#include "tests/sim/fleet/world.h"

namespace warren::fleet::testing {
namespace {

std::uint64_t number_in(const char* variable, std::uint64_t otherwise) {
    const char* const text = std::getenv(variable);
    return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

// How many of so many runs have two owners.
std::size_t found(const Rules& rules, std::uint64_t runs) {
    std::size_t count = 0;
    const std::uint64_t first = number_in("WARREN_SEED", 1);
    for (std::uint64_t seed = first; seed < first + runs && count == 0; ++seed) {
        if (simulate(seed, rules).two_owners) ++count;
    }
    return count;
}

}  // namespace

TEST_CASE("never two owners, and in the end each group has one") {
    std::size_t takes = 0;
    std::size_t gives = 0;
    const std::uint64_t first = number_in("WARREN_SEED", 1);
    const std::uint64_t runs = number_in("WARREN_RUNS", 60);
    for (std::uint64_t seed = first; seed < first + runs; ++seed) {
        CAPTURE(seed);
        const Outcome outcome = simulate(seed, {});
        CHECK_FALSE(outcome.two_owners);
        CHECK(outcome.all_served_in_the_end);
        CHECK_FALSE(outcome.two_in_flight);
        CHECK_FALSE(outcome.to_and_fro);
        takes += outcome.takes;
        gives += outcome.gives;
    }
    CHECK(takes > runs);
    CHECK(gives > runs);
    MESSAGE(takes << " takes and " << gives << " gives in " << runs << " runs");
}

TEST_CASE("left out: a group keeps a new owner for a while") {
    std::size_t count = 0;
    for (std::uint64_t seed = 1; seed <= 20; ++seed)
        count += simulate(seed, {.rest = Duration::zero()}).to_and_fro ? 1U : 0U;
    CHECK(count > 10);
}

TEST_CASE("left out: what is older than what is known changes nothing") {
    CHECK(found({.later_revision_wins = false}, 200) > 0);
}

TEST_CASE("left out: a beat counts from its sending") {
    CHECK(found({.counts_from_sending = false}, 200) > 0);
}

TEST_CASE("left out: the deadline is the kernel's") {
    CHECK(found({.kernel_ends_it = false}, 50) > 0);
}

TEST_CASE("left out: a take waits longer than an owner is valid") {
    // Not 5 s: an address is given for whole seconds, rounded down, which hides half a second.
    CHECK(found({.take = std::chrono::milliseconds(4500)}, 400) > 0);
}

TEST_CASE("left out: a take compares the beat") {
    CHECK(found({.compares_beat = false}, 2000) > 0);
}

// Each of the two guards the same: a node that was taken for dead and goes on.
TEST_CASE("left out: a beat compares the fence, and a read follows validity that ran out") {
    CHECK(found({.compares_fence = false, .reads_anew = false}, 200) > 0);
}

}  // namespace warren::fleet::testing
