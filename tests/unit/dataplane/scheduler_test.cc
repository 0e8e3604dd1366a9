#include "vpnd/turns/scheduler.h"

#include <doctest/doctest.h>

#include <map>
#include <random>
#include <string>
#include <vector>

#include "vpnd/turns/pace.h"

namespace warren::dataplane::test {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

constexpr Duration kQuantum = Scheduler::kQuantum;

// Customers that always have work, in pieces of one length.
struct World {
    explicit World(const std::vector<std::pair<Duration, std::uint32_t>>& costs_and_shares) {
        for (const auto& [cost, share] : costs_and_shares) {
            const CustomerIndex index{static_cast<std::uint32_t>(costs.size())};
            costs.push_back(cost);
            used.emplace_back();
            scheduler.set_share(index, share);
            scheduler.wake(index);
        }
    }
    std::uint32_t turn(bool has_more = true) {
        const Scheduler::Turn turn = scheduler.next();
        CHECK(turn.allowance > Duration::zero());
        const std::uint32_t index = turn.customer.value;
        used[index] += costs[index];
        time += costs[index];
        scheduler.end(turn, costs[index], has_more);
        return index;
    }
    void run(Duration for_time) {
        for (const Duration end = time + for_time; time < end;) turn();
    }
    double part(std::size_t index) const {
        return static_cast<double>(used[index].count()) / static_cast<double>(time.count());
    }

    Scheduler scheduler;
    std::vector<Duration> costs;
    std::vector<Duration> used;
    Duration time{};
};

TEST_CASE("customers with work take turns in the order of their arrival") {
    World world({{kQuantum, 1}, {kQuantum, 1}, {kQuantum, 1}});
    std::string order;
    for (int i = 0; i < 9; ++i) order += std::to_string(world.turn());
    CHECK(order == "012012012");
}

TEST_CASE("time is divided evenly for pieces of any length, and by share where shares differ") {
    World even({{microseconds(1), 1}, {microseconds(30), 1}, {milliseconds(2), 1}});
    even.run(std::chrono::seconds(10));
    for (const std::size_t i : {0U, 1U, 2U}) CHECK(even.part(i) == doctest::Approx(1.0 / 3).epsilon(0.01));

    World weighted({{microseconds(7), 1}, {microseconds(100), 2}, {microseconds(29), 7}});
    weighted.run(std::chrono::seconds(10));
    CHECK(weighted.part(0) == doctest::Approx(0.1).epsilon(0.01));
    CHECK(weighted.part(1) == doctest::Approx(0.2).epsilon(0.01));
    CHECK(weighted.part(2) == doctest::Approx(0.7).epsilon(0.01));
}

TEST_CASE("shares hold for random costs, changing customers, and any number of them") {
    std::mt19937 random(7);
    for (const std::size_t count : {2U, 5U, 50U}) {
        Scheduler scheduler;
        std::vector<Duration> used(count);
        double shares = 0;
        for (std::size_t i = 0; i < count; ++i) {
            scheduler.set_share({static_cast<std::uint32_t>(i)}, static_cast<std::uint32_t>(i % 3 + 1));
            scheduler.wake({static_cast<std::uint32_t>(i)});
            shares += static_cast<double>(i % 3 + 1);
        }
        Duration time{};
        for (int i = 0; i < 200'000; ++i) {
            const auto turn = scheduler.next();
            const Duration cost = Duration(random() % 100'000 + 1);
            used[turn.customer.value] += cost;
            time += cost;
            // The first one is sometimes without work for a moment, which may neither help nor harm it.
            const bool pauses = turn.customer.value == 0 && random() % 4 == 0;
            scheduler.end(turn, cost, !pauses);
            if (pauses) scheduler.wake(turn.customer);
        }
        for (std::size_t i = 0; i < count; ++i) {
            CAPTURE(count);
            CAPTURE(i);
            const double wanted = static_cast<double>(i % 3 + 1) / shares;
            CHECK(static_cast<double>(used[i].count()) / static_cast<double>(time.count()) ==
                  doctest::Approx(wanted).epsilon(0.05));
        }
    }
}

TEST_CASE("a customer that becomes active is next, however many are already active") {
    std::vector<std::pair<Duration, std::uint32_t>> many(100, {kQuantum, 1});
    World world(many);
    world.run(milliseconds(50));
    world.scheduler.set_share({100}, 1);
    world.costs.push_back(microseconds(2));
    world.used.emplace_back();
    world.scheduler.wake({100});
    CHECK(world.turn(false) == 100);
    // But becoming active again and again gives it no more than a quantum per round of the others.
    const Duration before = world.used[100];
    const Duration others = world.time - before;
    for (int i = 0; i < 100'000; ++i) {
        world.scheduler.wake({100});
        const auto turn = world.scheduler.next();
        const std::uint32_t index = turn.customer.value;
        world.used[index] += world.costs[index];
        world.time += world.costs[index];
        world.scheduler.end(turn, world.costs[index], index != 100);
    }
    const auto rounds = (world.time - world.used[100] - others) / (100 * kQuantum);
    CHECK(world.used[100] - before <= kQuantum * (rounds + 2));
    CHECK(world.used[100] - before >= kQuantum * (rounds - 2) * 9 / 10);
}

TEST_CASE("an expensive piece of work is paid for before the next, also by a customer without other work") {
    World world({{microseconds(10), 1}, {milliseconds(3), 1}});
    while (world.scheduler.next().customer.value != 1) world.turn();
    world.turn(false);
    world.scheduler.wake({1});
    const Duration before = world.used[0];
    while (world.turn() != 1) {
    }
    CHECK(world.used[0] - before > milliseconds(3) - 2 * kQuantum);
    CHECK(world.used[0] - before < milliseconds(3) + 2 * kQuantum);
}

TEST_CASE("time outside a turn counts too, up to half of a customer's time") {
    for (const Duration outside : {kQuantum / 4, kQuantum * 10}) {
        World world({{kQuantum, 1}, {kQuantum, 1}});
        world.scheduler.charge({7}, kQuantum);  // no such customer
        for (int i = 0; i < 3'000; ++i) {
            world.scheduler.charge({0}, outside);
            world.turn();
        }
        CHECK(world.part(0) < 0.45);
        CHECK(world.part(0) > 0.32);
    }
}

TEST_CASE("debts are cleared when no customer has work") {
    World world({{10 * kQuantum, 1}, {kQuantum, 1}});
    CHECK(world.turn() == 0);
    for (int i = 0; i < 9; ++i) CHECK(world.turn() == 1);
    for (int i = 0; i < 2; ++i) {
        const auto turn = world.scheduler.next();
        world.scheduler.end(turn, Duration(1), false);
    }
    CHECK(world.scheduler.idle());
    world.scheduler.wake({0});
    world.scheduler.wake({1});
    CHECK(world.turn() == 0);
}

TEST_CASE("after a pause of the machine no customer is shut out for longer than the largest debt") {
    World world({{microseconds(10), 1}, {microseconds(10), 1}});
    world.costs[0] = std::chrono::hours(1);
    while (world.turn() != 0) {
    }
    world.costs[0] = microseconds(10);
    const Duration before = world.used[1];
    while (world.turn() != 0) {
    }
    CHECK(world.used[1] - before <= Scheduler::kMostOwed + 2 * kQuantum);
}

TEST_CASE("a removed customer has no turn, and its index may be used again") {
    World world({{kQuantum, 1}, {kQuantum, 5}, {kQuantum, 1}});
    world.scheduler.forget({1});
    world.scheduler.forget({99});
    for (int i = 0; i < 10; ++i) CHECK(world.turn() != 1);
    world.scheduler.set_share({1}, 1);
    world.scheduler.wake({1});
    world.used = std::vector<Duration>(3);
    world.time = {};
    world.run(milliseconds(100));
    CHECK(world.part(1) == doctest::Approx(1.0 / 3).epsilon(0.02));
    for (const std::uint32_t index : {0U, 1U, 2U}) world.scheduler.forget({index});
    CHECK(world.scheduler.idle());
}

TEST_CASE("a customer with a smaller share, or with a reused index, gets no time back") {
    for (const bool as_another : {false, true}) {
        Scheduler scheduler;
        scheduler.set_share({0}, 100);
        scheduler.wake({0});
        scheduler.charge({0}, milliseconds(1));  // within half of a hundred quanta
        if (as_another) scheduler.forget({0});
        scheduler.set_share({0}, 1);
        scheduler.wake({0});
        const Duration before = scheduler.next().allowance;
        scheduler.charge({0}, microseconds(1));
        CHECK(scheduler.next().allowance <= before);
    }
}

TEST_CASE("waking a customer twice has the effect of once") {
    World world({{kQuantum, 1}});
    CHECK(world.scheduler.is_for_one());
    world.scheduler.wake({0});
    CHECK(world.scheduler.is_for_one());
    world.turn(false);
    CHECK(world.scheduler.idle());
    CHECK_FALSE(world.scheduler.is_for_one());
}

TEST_CASE("a pace follows the cost of packets, and one interruption does not mislead it") {
    Pace pace;
    CHECK(pace.time_for(10) == 10 * Pace::kAtFirst);
    for (int i = 0; i < 100; ++i) pace.record(10, microseconds(50));
    CHECK(pace.packets_in(microseconds(100)) >= 19);
    CHECK(pace.packets_in(microseconds(100)) <= 21);
    CHECK(pace.packets_in(Duration(1)) == 1);
    pace.record(1, std::chrono::seconds(1));
    CHECK(pace.time_for(1) < microseconds(8));
    pace.record(0, std::chrono::seconds(1));
    CHECK(pace.time_for(1) < microseconds(8));
    for (int i = 0; i < 1'000; ++i) pace.record(1'000'000, Duration(1));
    CHECK(pace.time_for(1) > Duration::zero());
    CHECK(pace.packets_in(milliseconds(1)) == Pace::kMostPackets);  // cheap packets do not lead to a long turn
}

}  // namespace
}  // namespace warren::dataplane::test
