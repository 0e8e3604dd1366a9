#include "vpnd/ike/window.h"

#include "tests/unit/ike_engine/harness.h"

namespace warren::ike {
namespace {

using namespace std::chrono_literals;

TEST_CASE("KL1: requests are taken in order, the last one may be repeated") {
    Window window;
    CHECK(window.place_of(0) == Window::Place::kNext);
    CHECK(window.place_of(1) == Window::Place::kOutside);
    CHECK(window.place_of(UINT32_MAX) == Window::Place::kLast);  // there is no last response: nothing is sent
    CHECK(window.last_response().empty());
    window.answered({{1, 2, 3}});
    CHECK(window.place_of(0) == Window::Place::kLast);
    CHECK(window.place_of(1) == Window::Place::kNext);
    CHECK(window.last_response() == Datagrams{{1, 2, 3}});
    window.answered({{4}, {5}});
    CHECK(window.place_of(0) == Window::Place::kOutside);
    CHECK(window.last_response().size() == 2);
}

TEST_CASE("KL1: a response is taken for the request that waits, of its ID and exchange, once") {
    test::SeededRandom random(1);
    Window window;
    CHECK_FALSE(window.is_awaited(0, ExchangeType::kIkeSaInit));
    window.sent(Instant{0}, ExchangeType::kIkeSaInit, {{1}}, random);
    CHECK(window.is_awaited(0, ExchangeType::kIkeSaInit));
    CHECK_FALSE(window.is_awaited(1, ExchangeType::kIkeSaInit));
    CHECK_FALSE(window.is_awaited(0, ExchangeType::kIkeAuth));
    window.got_response();
    CHECK_FALSE(window.is_awaited(0, ExchangeType::kIkeSaInit));
    CHECK(window.deadline() == kNever);
    CHECK(window.next_id() == 1);
}

TEST_CASE("KL2: a request is sent after 1, 2, 4, 8, 16 and 16 s again, and given up after about 65") {
    test::SeededRandom random(1);
    Window window;
    const Instant start{0};
    window.sent(start, ExchangeType::kInformational, {{7}}, random);
    std::vector<Duration> gaps;
    Instant before = start;
    while (const Datagrams* const again = window.again(window.deadline(), random)) {
        CHECK(*again == Datagrams{{7}});
        // again() has set the next deadline already: the gap is to the one before.
        gaps.push_back(window.deadline() - before);
        before = window.deadline();
        REQUIRE(gaps.size() < 20);
    }
    CHECK(gaps.size() == 6);
    const Duration all = window.deadline() - start;
    CHECK(all > 59s);
    CHECK(all < 67s);
}

TEST_CASE("KN2: a request in another form keeps its ID and begins anew") {
    test::SeededRandom random(1);
    Window window;
    window.sent(Instant{0}, ExchangeType::kIkeSaInit, {{1}}, random);
    (void)window.again(window.deadline(), random);
    const Instant later = window.deadline();
    window.changed(later, {{2}}, random);
    CHECK(window.next_id() == 1);
    CHECK(window.deadline() - later < 2s);
    CHECK(*window.again(window.deadline(), random) == Datagrams{{2}});
}

}  // namespace
}  // namespace warren::ike
