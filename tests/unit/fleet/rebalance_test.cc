#include "fleet/ownership/rebalance.h"

#include <doctest/doctest.h>

#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace warren::fleet {
namespace {

using Names = std::vector<std::string>;

std::vector<Place> even(const Names& names) {
    std::vector<Place> out;
    for (const std::string& name : names) out.push_back({name});
    return out;
}

std::map<std::string, std::size_t> counts_of(const std::vector<PlacedGroup>& groups, const Names& nodes) {
    std::map<std::string, std::size_t> out;
    for (const std::string& node : nodes) out[node] = 0;
    for (const PlacedGroup& group : groups) {
        if (out.contains(group.owner)) ++out[group.owner];
    }
    return out;
}

std::vector<PlacedGroup> all_of(const std::string& owner, GroupNumber count) {
    std::vector<PlacedGroup> out;
    for (GroupNumber group = 0; group < count; ++group) out.push_back({group, owner, 4, group});
    return out;
}

}  // namespace

TEST_CASE("where all have their share nothing moves, whatever the rank says") {
    CHECK(plan_rebalance({}, even({"a", "b"})).empty());
    CHECK(plan_rebalance({{0, "a", 1, 0}, {1, "b", 1, 0}}, even({"a", "b"})).empty());
    CHECK(plan_rebalance({{0, "a", 1, 0}, {1, "b", 1, 0}, {2, "b", 1, 0}}, even({"a", "b"})).empty());
    CHECK(plan_rebalance(all_of("a", 5), even({"a"})).empty());
    CHECK(plan_rebalance(all_of("a", 5), even({})).empty());
}

TEST_CASE("who joins gets its share, from each of the others") {
    std::vector<PlacedGroup> groups;
    for (GroupNumber group = 0; group < 12; ++group) groups.push_back({group, group % 2 == 0 ? "a" : "b", 3, 10});
    const auto plan = plan_rebalance(groups, even({"a", "b", "c"}));
    REQUIRE(plan.size() == 4);
    std::map<std::string, int> from;
    for (const PlannedMove& move : plan) {
        CHECK(move.to == "c");
        CHECK(move.epoch == 3);
        CHECK(move.peers == 10);
        ++from[move.from];
    }
    CHECK(from["a"] == 2);
    CHECK(from["b"] == 2);
    // Of a's groups those two for which c ranks highest.
    std::set<GroupNumber> moved;
    for (const PlannedMove& move : plan) moved.insert(move.group);
    for (const PlacedGroup& stays : groups) {
        for (const PlannedMove& move : plan) {
            if (!moved.contains(stays.group) && stays.owner == move.from)
                CHECK(rank(move.group, "c") > rank(stays.group, "c"));
        }
    }
}

TEST_CASE("a group of a node that cannot have groups is left to those who take and give") {
    const auto plan = plan_rebalance({{0, "gone", 1, 0}, {1, "gone", 1, 0}, {2, "a", 1, 0}}, even({"a", "b"}));
    CHECK(plan.empty());
}

TEST_CASE("after any plan the shares are even, no group moved twice, none without need, and all nodes plan the same") {
    std::mt19937 random(7);
    for (int round = 0; round < 2000; ++round) {
        Names nodes;
        const std::size_t many = 1 + random() % 6;
        for (std::size_t i = 0; i < many; ++i) nodes.push_back("n" + std::to_string(i));
        std::vector<PlacedGroup> groups;
        const std::size_t count = random() % 40;
        for (std::size_t i = 0; i < count; ++i)
            groups.push_back({static_cast<GroupNumber>(i), "n" + std::to_string(random() % (many + 1)), 1, 0});
        const auto before = counts_of(groups, nodes);
        const auto plan = plan_rebalance(groups, even(nodes));
        Names other(nodes.rbegin(), nodes.rend());
        CHECK(plan == plan_rebalance({groups.rbegin(), groups.rend()}, even(other)));
        std::set<GroupNumber> moved;
        for (const PlannedMove& move : plan) {
            CHECK(moved.insert(move.group).second);
            CHECK(groups[move.group].owner == move.from);
            groups[move.group].owner = move.to;
        }
        std::size_t least = SIZE_MAX;
        std::size_t most = 0;
        std::size_t excess = 0;  // over the larger share: so many moves are needed at least
        std::size_t lack = 0;
        std::size_t all = 0;
        for (const auto& [node, has] : before) all += has;
        for (const auto& [node, has] : counts_of(groups, nodes)) {
            least = std::min(least, has);
            most = std::max(most, has);
        }
        const std::size_t smaller = all / many;
        const std::size_t larger = smaller + (all % many == 0 ? 0 : 1);
        for (const auto& [node, has] : before) {
            excess += has > larger ? has - larger : 0;
            lack += has < smaller ? smaller - has : 0;
        }
        CHECK(most <= least + 1);
        CHECK(plan.size() == std::max(excess, lack));
        CHECK(plan_rebalance(groups, even(nodes)).empty());
    }
}

TEST_CASE("after any plan the shares are as the weights, no group moved twice, and all nodes plan the same") {
    std::mt19937 random(11);
    for (int round = 0; round < 2000; ++round) {
        std::vector<Place> nodes;
        const std::size_t many = 1 + random() % 6;
        for (std::size_t i = 0; i < many; ++i)
            nodes.push_back(
                {"n" + std::to_string(i), 1 + static_cast<unsigned>(random() % (random() % 2 == 0 ? 4 : 100))});
        std::vector<PlacedGroup> groups;
        const std::size_t count = random() % 60;
        for (std::size_t i = 0; i < count; ++i)
            groups.push_back({static_cast<GroupNumber>(i), "n" + std::to_string(random() % (many + 1)), 1, 0});
        const auto plan = plan_rebalance(groups, nodes);
        CHECK(plan == plan_rebalance({groups.rbegin(), groups.rend()}, {nodes.rbegin(), nodes.rend()}));
        std::set<GroupNumber> moved;
        std::set<std::string> gave;
        for (const PlannedMove& move : plan) {
            CHECK(moved.insert(move.group).second);
            CHECK(groups[move.group].owner == move.from);
            groups[move.group].owner = move.to;
            gave.insert(move.from);
        }
        for (const PlannedMove& move : plan) CHECK_FALSE(gave.contains(move.to));
        // No node would have its share better if it gave one to another: shares are rounded.
        std::map<std::string, std::size_t> has;
        for (const PlacedGroup& group : groups) ++has[group.owner];
        for (const Place& a : nodes) {
            for (const Place& b : nodes)
                CHECK((2.0 * static_cast<double>(has[a.node]) - 1) / a.weight <=
                      (2.0 * static_cast<double>(has[b.node]) + 1) / b.weight + 1e-9);
        }
        CHECK(plan_rebalance(groups, nodes).empty());
    }
}

TEST_CASE("a node of weight 3 has three times as many groups, and a new one gets its share") {
    const auto plan = plan_rebalance(all_of("a", 16), {{"a", 3}, {"b", 1}});
    CHECK(plan.size() == 4);
    CHECK(plan_rebalance(all_of("a", 16), {{"a", 30}, {"b", 10}}).size() == 4);
    CHECK(plan_rebalance(all_of("a", 3), {{"a", 3}, {"b", 1}}).size() == 1);  // of 2.25 and 0.75
    CHECK(plan_rebalance(all_of("a", 1), {{"a", 1}, {"b", 100}}).size() == 1);
    CHECK(plan_rebalance(all_of("b", 1), {{"a", 1}, {"b", 100}}).empty());
}

}  // namespace warren::fleet
