#include "vpnd/show/refused.h"

#include <doctest/doctest.h>

#include <algorithm>

namespace warren::vpnd::test {
namespace {

ListenerRefusal refused(const std::string& listener, DropReason reason, std::int64_t heard, std::int64_t wall) {
    return {listener, {reason, {}, "", 1, WallTime{wall}, WallTime{wall}, Instant{heard}}};
}

TEST_CASE("of the refused senders, each listener and reason shows its latest before any shows a second one") {
    std::vector<ListenerRefusal> all;
    for (int owner = 0; owner < 8; ++owner) {
        for (int i = 0; i < 8; ++i)
            all.push_back(refused("c" + std::to_string(owner), DropReason::kBadMac1, 100 + i, 100 + i));
    }
    all.push_back(refused("", DropReason::kUnknownPeer, 1, 1));
    const auto shown = select_refused(all, 16);
    REQUIRE(shown.size() == 16);
    CHECK(std::is_sorted(shown.begin(), shown.end(), [](const auto& a, const auto& b) { return a.last > b.last; }));
    CHECK(std::count_if(shown.begin(), shown.end(), [](const auto& one) { return one.reason == "unknown_peer"; }) == 1);
    for (int owner = 0; owner < 8; ++owner) {
        CHECK(std::count_if(shown.begin(), shown.end(),
                            [&](const auto& one) { return one.listener == "c" + std::to_string(owner); }) >= 1);
    }
}

TEST_CASE("refused senders are in the order in which they were heard, whatever the wall clock said") {
    const auto shown =
        select_refused({refused("a", DropReason::kBadMac1, 1, 9'000), refused("b", DropReason::kBadMac1, 2, 5)}, 16);
    REQUIRE(shown.size() == 2);
    CHECK(shown[0].listener == "b");
}

}  // namespace
}  // namespace warren::vpnd::test
