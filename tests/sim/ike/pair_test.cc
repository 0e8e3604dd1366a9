// Two sites on good and on bad networks, for many seeds.
#include <doctest/doctest.h>

#include <cstdio>
#include <cstdlib>

#include "tests/sim/ike/world.h"
#include "vpnd/ike/fragment.h"

namespace warren::ike::sim {
namespace {

// $WARREN_SIM_SEED: that one only. $WARREN_SIM_SEEDS: so many.
template <typename Test>
void for_seeds(std::uint64_t standard, const Test& test) {
    if (const char* const one = std::getenv("WARREN_SIM_SEED")) return test(std::strtoull(one, nullptr, 0));
    const char* const given = std::getenv("WARREN_SIM_SEEDS");
    const std::uint64_t seeds = given != nullptr ? std::strtoull(given, nullptr, 0) : standard;
    for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
        INFO("WARREN_SIM_SEED=", seed);
        test(seed);
    }
}

Weather storm() {
    return {.loss = 0.2,
            .doubled = 0.1,
            .damaged = 0.02,
            .shortest = 5ms,
            .longest = 400ms,
            .slowest_answer = 300ms,
            .asks_lost = 0.01,
            .asks_failed = 0.01};
}

void check_sound(const World& world) {
    CHECK(world.ivs_twice == 0);
    for (const Hub* const hub : {&world.left, &world.right}) {
        CHECK(hub->sessions.keys_twice == 0);
        CHECK(hub->sessions.entries.size() <= kMostChildrenWithReplaced);
        CHECK(hub->engine.sizes().all <= most_ike_sas(1) + 8);
        CHECK(hub->engine.sizes().open_asks <= kMostOpenAsks);
    }
}

void check_nothing_left(World& world) {
    world.has_traffic = false;
    world.run(3min);
    for (Hub* const hub : {&world.left, &world.right}) {
        CHECK(hub->sessions.entries.empty());
        CHECK(hub->indexes.size() == 0);
        CHECK(hub->engine.sizes().all == 0);
        CHECK(hub->engine.sizes().half_open == 0);
        CHECK(hub->engine.next_deadline() == kNever);
    }
}

TEST_CASE(
    "on a bad network with late asks, sites that rekey without end share a usable child, and nothing is left after") {
    for_seeds(60, [](std::uint64_t seed) {
        World world(seed, [&](Connection& connection, bool is_left) {
            connection.start = is_left || seed % 3 == 0 ? Start::kAlways : Start::kResponder;
            connection.lifetimes.child_rekey = 3min;
            connection.lifetimes.ike_rekey = 7min;
            if (seed % 2 == 0) connection.pfs = Pfs::kNone;
            if (seed % 5 == 0) connection.fragment_size = kLeastFragmentSize;
        });
        world.weather = storm();
        for (int i = 0; i < 25; ++i) {
            world.run(Duration(static_cast<std::int64_t>(world.random.below(60'000'000'000))));
            Hub& hub = world.random.below(2) == 0 ? world.left : world.right;
            const std::uint64_t what = world.random.below(8);
            world.act(hub, [&] {
                hub.call([&] {
                    if (what == 0) {
                        (void)hub.engine.terminate(hub.now, testing::kFirst, hub.out);
                        (void)hub.engine.initiate(hub.now, testing::kFirst, hub.out);
                    } else if (what < 4) {
                        (void)hub.engine.rekey(hub.now, testing::kFirst, Engine::Rekey::kChildren, hub.out);
                    } else if (what < 6) {
                        (void)hub.engine.rekey(hub.now, testing::kFirst, Engine::Rekey::kIkeSas, hub.out);
                    } else {
                        (void)hub.engine.rekey(hub.now, testing::kFirst, Engine::Rekey::kBoth, hub.out);
                    }
                });
            });
            check_sound(world);
        }
        // It clears up. A side that was terminated comes back when it is called.
        world.weather = {};
        world.act(world.left, [&] {
            world.left.call([&] { (void)world.left.engine.initiate(world.left.now, testing::kFirst, world.left.out); });
        });
        world.run(8min);
        CHECK(world.agree());
        CHECK(world.left.engine.sizes().ike_sas == 1);
        CHECK(world.right.engine.sizes().ike_sas == 1);
        CHECK(world.left.engine.sizes().children <= 2);
        check_sound(world);
        for (Hub* const hub : {&world.left, &world.right}) {
            world.act(*hub,
                      [&] { hub->call([&] { (void)hub->engine.terminate(hub->now, testing::kFirst, hub->out); }); });
        }
        check_nothing_left(world);
    });
}

TEST_CASE("KL4: on a good network no packet is lost by any rekey, of whatever side, at whatever moment") {
    for_seeds(40, [](std::uint64_t seed) {
        World world(seed, [&](Connection& connection, bool is_left) {
            connection.start = is_left ? Start::kAlways : Start::kResponder;
            connection.lifetimes.child_rekey = 2min;
            connection.lifetimes.ike_rekey = 5min;
        });
        world.weather.slowest_answer = 100ms;
        // The responder is ready first: what it sends before the initiator has its keys is lost.
        world.run(2s);
        REQUIRE(world.agree());
        world.packets_lost_at_end = 0;
        for (int i = 0; i < 40; ++i) {
            for (Hub* const hub : {&world.left, &world.right}) {
                if (world.random.below(2) == 0) continue;
                const auto what = static_cast<Engine::Rekey>(world.random.below(3));
                world.act(*hub, [&] {
                    hub->call([&] { (void)hub->engine.rekey(hub->now, testing::kFirst, what, hub->out); });
                });
                world.run(Duration(static_cast<std::int64_t>(world.random.below(60'000'000))));
            }
            world.run(Duration(static_cast<std::int64_t>(world.random.below(20'000'000'000))));
        }
        world.run(10s);
        CHECK(world.agree());
        CHECK(world.packets_sent > 1'000);
        CHECK(world.packets_lost_at_end == 0);
        CHECK(world.left.news<control::PeerLost>() == 0);
        CHECK(world.right.news<control::PeerLost>() == 0);
        check_sound(world);
    });
}

TEST_CASE("KL9: a side that is killed and comes back is up again within seconds, whoever called first") {
    for_seeds(20, [](std::uint64_t seed) {
        World world(seed, [&](Connection& connection, bool is_left) {
            connection.start = is_left || seed % 2 == 0 ? Start::kAlways : Start::kResponder;
            connection.dpd = 10s;
        });
        world.weather = {.loss = 0.05, .shortest = 5ms, .longest = 50ms, .slowest_answer = 20ms};
        world.run(20s);
        CHECK(world.agree());
        // As after a power cut: its peer's packets and requests are answered by nobody, and it begins anew.
        world.weather.loss = 1;
        world.run(2min);
        CHECK_FALSE(world.agree());
        world.weather.loss = 0.05;
        world.run(6min);
        CHECK(world.agree());
        check_sound(world);
    });
}

}  // namespace
}  // namespace warren::ike::sim
