#include "vpnd/dataplane/replay_window.h"

#include <doctest/doctest.h>

#include <random>
#include <set>
#include <vector>

namespace warren::dataplane::test {
namespace {

constexpr std::uint64_t kSize = ReplayWindow::kSize;

// Marks each counter once; refuses counters more than the window behind the newest.
class Oracle {
  public:
    bool mark(std::uint64_t counter) {
        if (counter < newest_ && newest_ - counter > kSize) return false;
        newest_ = std::max(newest_, counter);
        return seen_.insert(counter).second;
    }

  private:
    std::set<std::uint64_t> seen_;
    std::uint64_t newest_ = 0;
};

TEST_CASE("S7: a counter is accepted once") {
    ReplayWindow window;
    CHECK(window.mark(0));
    CHECK_FALSE(window.mark(0));
    CHECK(window.mark(1));
    CHECK_FALSE(window.mark(1));
    CHECK_FALSE(window.mark(0));
    CHECK(window.mark(9));
    CHECK(window.mark(8));
    CHECK(window.mark(7));
    CHECK_FALSE(window.mark(8));
}

TEST_CASE("S7: 8128 counters behind the newest are accepted, 8129 are not") {
    CHECK(kSize == 8128);
    for (const std::uint64_t newest :
         {std::uint64_t{8129}, std::uint64_t{10'000}, std::uint64_t{1} << 40, UINT64_MAX}) {
        for (std::uint64_t phase = 0; phase < 64; ++phase) {
            ReplayWindow window;
            const std::uint64_t at = newest - phase % 2 * 63;
            CHECK(window.mark(at));
            CHECK(window.mark(at - 8127));
            CHECK(window.mark(at - 8128));
            CHECK_FALSE(window.is_too_old(at - 8128));
            if (at < 8129) continue;
            CHECK(window.is_too_old(at - 8129));
            CHECK_FALSE(window.mark(at - 8129));
            CHECK_FALSE(window.mark(at - 8128));
            CHECK_FALSE(window.mark(at - 8127));
        }
    }
}

TEST_CASE("S7: with the newest on every bit of a word, the oldest counters stay distinct") {
    for (std::uint64_t newest = 20'000; newest < 20'200; ++newest) {
        ReplayWindow window;
        std::uint64_t first = 0;
        std::uint64_t again = 0;
        for (std::uint64_t counter = newest - kSize; counter <= newest; ++counter)
            if (window.mark(counter)) ++first;
        for (std::uint64_t counter = newest - kSize; counter <= newest; ++counter)
            if (window.mark(counter)) ++again;
        REQUIRE(first == kSize + 1);
        REQUIRE(again == 0);
        REQUIRE(window.mark(newest + 1));
        REQUIRE_FALSE(window.mark(newest - kSize));
    }
}

TEST_CASE("S7: a jump beyond the window forgets marked counters, and only those") {
    for (const std::uint64_t jump :
         {std::uint64_t{63}, std::uint64_t{64}, std::uint64_t{8127}, std::uint64_t{8128}, std::uint64_t{8129},
          std::uint64_t{8192}, std::uint64_t{8256}, std::uint64_t{1} << 50}) {
        CAPTURE(jump);
        ReplayWindow window;
        CHECK(window.mark(100));
        CHECK(window.mark(100 + jump));
        CHECK_FALSE(window.mark(100));
        CHECK_FALSE(window.mark(100 + jump));
        std::uint64_t accepted = 0;
        for (std::uint64_t behind = 1; behind <= kSize && behind < jump; ++behind) {
            if (window.mark(100 + jump - behind)) ++accepted;
        }
        CHECK(accepted == std::min(kSize, jump - 1));
    }
}

TEST_CASE("S7: agrees with a set on random orders: reordered, repeated, jumping") {
    for (std::uint32_t seed = 1; seed <= 24; ++seed) {
        CAPTURE(seed);
        std::mt19937_64 random(seed);
        ReplayWindow window;
        Oracle oracle;
        std::uint64_t base = seed % 3 == 0 ? UINT64_MAX - 200'000 : random() % 20'000;
        int agreed = 0;
        for (int i = 0; i < 20'000; ++i) {
            base += random() % 3;
            if (random() % 500 == 0) base += random() % 20'000;
            const std::uint64_t reach = random() % 4 == 0 ? 9'000 : 20;
            const std::uint64_t back = random() % reach;
            const std::uint64_t counter = base > back ? base - back : 0;
            agreed += window.mark(counter) == oracle.mark(counter) ? 1 : 0;
        }
        REQUIRE(agreed == 20'000);
    }
}

TEST_CASE("S7: a check without a mark changes nothing") {
    ReplayWindow window;
    CHECK(window.mark(10'000));
    CHECK_FALSE(window.is_too_old(5'000));
    CHECK_FALSE(window.is_too_old(20'000));
    CHECK(window.newest() == 10'000);
    CHECK(window.mark(5'000));
    CHECK_FALSE(window.mark(10'000));
    CHECK(window.newest() == 10'000);
}

}  // namespace
}  // namespace warren::dataplane::test
