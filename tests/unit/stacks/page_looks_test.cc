// How often statusd may have stackd look into stacks.
#include "stacks/page_looks.h"

#include <doctest/doctest.h>

namespace warren::stacks {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST_CASE("looks are refused beyond their rate, and who asks on and on is a flood") {
    PageLooks looks;
    const Instant now{1'000'000'000'000};
    for (int i = 0; i < PageLooks::kLooks.burst; ++i) CHECK(looks.take(now));
    for (int i = 0; i < PageLooks::kRefusals.burst; ++i) CHECK_FALSE(looks.take(now));
    CHECK_FALSE(looks.is_flooded());
    CHECK_FALSE(looks.take(now));
    CHECK(looks.is_flooded());
    CHECK(looks.take(now + seconds(1)));
    CHECK(looks.is_flooded());
    looks.begin_anew();
    CHECK_FALSE(looks.is_flooded());
}

TEST_CASE("twenty operators that look as often as statusd lets them are no flood") {
    PageLooks looks;
    int seen = 0;
    for (int i = 0; i < 40 * 60; ++i) seen += looks.take(Instant{1'000'000'000'000} + i * milliseconds(25)) ? 1 : 0;
    CHECK_FALSE(looks.is_flooded());
    CHECK(seen >= 20 * 60);
}

}  // namespace
}  // namespace warren::stacks
