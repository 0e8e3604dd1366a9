// Groups of customers: a reseller's customers divide one share, whatever their number.
#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "vpnd/turns/scheduler.h"

namespace warren::dataplane::test {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

constexpr Duration kQuantum = Scheduler::kQuantum;

// Jain's index: 1 when all have the same, 1/n when one has all.
double fairness(const std::vector<double>& parts) {
    double sum = 0;
    double squares = 0;
    for (const double part : parts) {
        sum += part;
        squares += part * part;
    }
    return sum * sum / (static_cast<double>(parts.size()) * squares);
}

// Customers that always have work, in pieces of random length, on simulated time.
struct World {
    std::uint32_t add(const std::vector<ShareGroup>& groups, std::uint32_t share = 1) {
        const auto index = static_cast<std::uint32_t>(used.size());
        used.emplace_back();
        scheduler.set_share({index}, share, groups);
        scheduler.wake({index});
        return index;
    }
    std::uint32_t turn(Duration cost, bool has_more = true) {
        const Scheduler::Turn turn = scheduler.next();
        CHECK(turn.allowance > Duration::zero());
        used[turn.customer.value] += cost;
        time += cost;
        scheduler.end(turn, cost, has_more);
        return turn.customer.value;
    }
    void run(Duration for_time) {
        for (const Duration end = time + for_time; time < end;) turn(Duration(random() % 60'000 + 1));
    }
    [[nodiscard]] double part(const std::vector<std::uint32_t>& of) const {
        Duration sum{};
        for (const std::uint32_t index : of) sum += used[index];
        return static_cast<double>(sum.count()) / static_cast<double>(time.count());
    }
    [[nodiscard]] std::vector<double> parts(const std::vector<std::uint32_t>& of) const {
        std::vector<double> out;
        for (const std::uint32_t index : of) out.push_back(part({index}));
        return out;
    }

    Scheduler scheduler;
    std::vector<Duration> used;
    Duration time{};
    std::mt19937 random{12};
};

TEST_CASE("three resellers with 1, 10 and 100 busy customers have a third each, divided evenly") {
    World world;
    std::vector<std::vector<std::uint32_t>> resellers;
    for (const std::size_t count : {1U, 10U, 100U}) {
        std::vector<std::uint32_t> customers;
        for (std::size_t i = 0; i < count; ++i) customers.push_back(world.add({{"r" + std::to_string(count), 1}}));
        resellers.push_back(customers);
    }
    world.run(std::chrono::seconds(30));
    std::vector<double> between;
    for (const auto& customers : resellers) {
        between.push_back(world.part(customers));
        CHECK(fairness(world.parts(customers)) >= 0.98);
    }
    CHECK(fairness(between) >= 0.98);
    // Without groups the one with 100 had nine tenths.
    for (const double part : between) CHECK(part == doctest::Approx(1.0 / 3).epsilon(0.02));
}

TEST_CASE("a customer of nobody has as much as a reseller with fifty, and shares count at each level") {
    World world;
    const std::uint32_t plain = world.add({});
    std::vector<std::uint32_t> crowd;
    for (int i = 0; i < 50; ++i) crowd.push_back(world.add({{"crowd", 1}}));
    const std::uint32_t heavy = world.add({{"pair", 2}}, 3);
    const std::uint32_t light = world.add({{"pair", 2}}, 1);
    world.run(std::chrono::seconds(20));
    CHECK(world.part({plain}) == doctest::Approx(0.25).epsilon(0.02));
    CHECK(world.part(crowd) == doctest::Approx(0.25).epsilon(0.02));
    CHECK(world.part({heavy}) == doctest::Approx(0.375).epsilon(0.02));
    CHECK(world.part({light}) == doctest::Approx(0.125).epsilon(0.02));
}

TEST_CASE("a group in a group divides what its place there gets") {
    World world;
    const ShareGroup outer{"acme", 1};
    const std::uint32_t own = world.add({outer});
    std::vector<std::uint32_t> inner;
    for (int i = 0; i < 9; ++i) inner.push_back(world.add({outer, {"acme.north", 1}}));
    const std::uint32_t other = world.add({});
    world.run(std::chrono::seconds(20));
    CHECK(world.part({other}) == doctest::Approx(0.5).epsilon(0.02));
    CHECK(world.part({own}) == doctest::Approx(0.25).epsilon(0.02));
    CHECK(world.part(inner) == doctest::Approx(0.25).epsilon(0.02));
    CHECK(fairness(world.parts(inner)) >= 0.98);
    CHECK(world.scheduler.groups() == 2);
}

TEST_CASE("customers of a reseller that begin to work again and again get no more than its share") {
    World world;
    const std::uint32_t plain = world.add({});
    for (int i = 0; i < 20; ++i) world.add({{"acme", 1}});
    for (int i = 0; i < 200'000; ++i) {
        const std::uint32_t index = world.turn(microseconds(world.random() % 40 + 1), world.random() % 2 == 0);
        world.scheduler.wake({index});
    }
    CHECK(world.part({plain}) == doctest::Approx(0.5).epsilon(0.03));
}

TEST_CASE("what a group's customer took outside a turn its reseller pays, up to half") {
    World world;
    const std::uint32_t plain = world.add({});
    world.add({{"acme", 1}});
    world.add({{"acme", 1}});
    for (int i = 0; i < 30'000; ++i) {
        world.scheduler.charge({1}, kQuantum);
        world.turn(kQuantum);
    }
    CHECK(world.part({plain}) > 0.55);
    CHECK(world.part({plain}) < 0.7);
}

TEST_CASE("a customer that is busy moves into a group, out of it, and into another") {
    World world;
    const std::uint32_t moved = world.add({});
    const std::uint32_t plain = world.add({});
    const std::uint32_t member = world.add({{"acme", 1}});
    world.run(milliseconds(1));
    const std::vector<ShareGroup> acme{{"acme", 1}};
    world.scheduler.set_share({moved}, 1, acme);
    world.used = std::vector<Duration>(3);
    world.time = {};
    world.run(std::chrono::seconds(5));
    CHECK(world.part({plain}) == doctest::Approx(0.5).epsilon(0.02));
    CHECK(world.part({moved}) == doctest::Approx(0.25).epsilon(0.03));
    world.scheduler.set_share({moved}, 1);
    world.used = std::vector<Duration>(3);
    world.time = {};
    world.run(std::chrono::seconds(5));
    for (const std::uint32_t index : {moved, plain, member})
        CHECK(world.part({index}) == doctest::Approx(1.0 / 3).epsilon(0.03));
    // A group without customers is gone.
    CHECK(world.scheduler.groups() == 1);
    const std::vector<ShareGroup> globex{{"globex", 4}};
    world.scheduler.set_share({member}, 1, globex);
    CHECK(world.scheduler.groups() == 1);
    world.scheduler.forget({member});
    CHECK(world.scheduler.groups() == 0);
    CHECK_FALSE(world.scheduler.idle());
    world.scheduler.forget({moved});
    world.scheduler.forget({plain});
    CHECK(world.scheduler.idle());
}

// Against a list of who has work: a random life loses nobody and serves nobody twice.
TEST_CASE("customers that come, go, work and move at random all have their turns") {
    std::mt19937 random(5);
    Scheduler scheduler;
    const std::vector<std::vector<ShareGroup>> places{
        {}, {{"a", 1}}, {{"b", 3}}, {{"a", 1}, {"a.x", 2}}, {{"a", 1}, {"a.x", 2}, {"a.x.y", 1}}};
    std::map<std::uint32_t, bool> working;  // of the known ones
    for (int step = 0; step < 200'000; ++step) {
        const auto index = static_cast<std::uint32_t>(random() % 12);
        const bool known = working.contains(index);
        switch (random() % 6) {
            case 0:
                scheduler.set_share({index}, static_cast<std::uint32_t>(random() % 3 + 1),
                                    places[random() % places.size()]);
                working.try_emplace(index, false);
                break;
            case 1:
                if (random() % 4 != 0) break;
                scheduler.forget({index});
                working.erase(index);
                break;
            case 2:
                if (!known) break;
                scheduler.wake({index});
                working[index] = true;
                break;
            case 3: scheduler.charge({index}, microseconds(random() % 50)); break;
            default: {
                const auto busy =
                    std::count_if(working.begin(), working.end(), [](const auto& one) { return one.second; });
                REQUIRE(scheduler.idle() == (busy == 0));
                REQUIRE(scheduler.is_for_one() == (busy == 1));
                if (busy == 0) break;
                const auto turn = scheduler.next();
                REQUIRE(working.at(turn.customer.value));
                const bool has_more = random() % 3 != 0;
                scheduler.end(turn, microseconds(random() % 80 + 1), has_more);
                working[turn.customer.value] = has_more;
            }
        }
    }
    for (const auto& [index, busy] : working) {
        if (!busy) continue;
        // Everybody who has work is served before long.
        bool served = false;
        for (int i = 0; i < 20'000 && !served; ++i) {
            const auto turn = scheduler.next();
            served = turn.customer.value == index;
            scheduler.end(turn, microseconds(30), true);
        }
        CHECK(served);
    }
}

}  // namespace
}  // namespace warren::dataplane::test
