// The closed loop: it keeps the limit of packets in flight, and losses do not stop it forever.
#include "bench/wgblast/window.h"

#include <doctest/doctest.h>

#include "bench/wgblast/pace.h"

namespace warren::bench {
namespace {

using namespace std::chrono_literals;

TEST_CASE("a full window is closed until something arrives") {
    Window window(10);
    const Instant start{1'000'000'000};
    window.sent(start, 10);
    CHECK_FALSE(window.is_open(start));
    window.arrived(start, 4);
    CHECK(window.is_open(start));
    window.arrived(start, 2);  // an older count
    window.sent(start, 4);
    CHECK_FALSE(window.is_open(start));
    window.arrived(start, 99);  // more than was sent
    CHECK_FALSE(window.is_open(start));
}

TEST_CASE("packets that do not arrive are given up and counted") {
    Window window(10);
    const Instant start{1'000'000'000};
    window.sent(start, 10);
    CHECK_FALSE(window.is_open(start + 99ms));
    CHECK(window.is_open(start + 100ms));
    CHECK(window.stalls() == 1);
}

TEST_CASE("a schedule does not wait for late items") {
    const Pace pace({1'000}, 1e6);
    CHECK(pace.due(0).nanoseconds == 1'000);
    CHECK(pace.due(1'000'000).nanoseconds == 1'000 + 1'000'000'000);
    CHECK(Pace({1'000}, 0).due(77).nanoseconds == 1'000);
}

}  // namespace
}  // namespace warren::bench
