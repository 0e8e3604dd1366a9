// Which node has a group: the same everywhere, by weight, and no more moves than must be.
#include "fleet/ownership/rank.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <random>
#include <string>
#include <vector>

namespace warren::fleet {
namespace {

constexpr GroupNumber kGroups = 60'000;

std::vector<Place> sorted(GroupNumber group, std::vector<Place> places, const std::string& zone = "") {
    sort_by_rank(group, zone, places);
    return places;
}

std::string first(GroupNumber group, const std::vector<Place>& places) {
    return sorted(group, places).front().node;
}

// Of all groups, by node.
std::map<std::string, double> shares(const std::vector<Place>& places) {
    std::map<std::string, double> out;
    for (GroupNumber group = 0; group < kGroups; ++group) out[first(group, places)] += 1.0 / kGroups;
    return out;
}

// As whoever has not this code would.
double logarithmic(GroupNumber group, const Place& place) {
    return -static_cast<double>(place.weight) / std::log(std::ldexp(static_cast<double>(rank(group, place.node)), -64));
}

std::vector<Place> any_places(std::mt19937& random, unsigned most_weight) {
    std::vector<Place> out;
    const std::size_t many = 2 + random() % 6;
    for (std::size_t i = 0; i < many; ++i)
        out.push_back({"n" + std::to_string(i), 1 + static_cast<unsigned>(random() % most_weight),
                       random() % 4 == 0 ? "" : std::string(1, static_cast<char>('a' + random() % 3))});
    return out;
}

}  // namespace

TEST_CASE("of equal weights and without zones the order is that of the ranks") {
    std::mt19937 random(1);
    for (GroupNumber group = 0; group < 5'000; ++group) {
        auto places = any_places(random, 1);
        for (Place& place : places) place.weight = 1 + group % 100;
        const auto order = sorted(group, places);
        CHECK(std::is_sorted(order.begin(), order.end(), [group](const Place& a, const Place& b) {
            return rank(group, a.node) > rank(group, b.node);
        }));
    }
    // Fixed for all time: nodes of two versions agree.
    CHECK(rank(0, "vie-1") == 4720139338083849540ULL);
    CHECK(rank(7, "vie-2") == 13373184489907339652ULL);
}

TEST_CASE("the order of any weights is that of weight / -log(rank), and the same whatever order they come in") {
    std::mt19937 random(2);
    for (GroupNumber group = 0; group < 5'000; ++group) {
        const auto places = any_places(random, kMostWeight);
        const auto order = sorted(group, places);
        for (std::size_t i = 1; i < order.size(); ++i)
            CHECK(logarithmic(group, order[i - 1]) >= logarithmic(group, order[i]) * (1 - 1e-6));
        const auto again = sorted(group, {places.rbegin(), places.rend()});
        for (std::size_t i = 0; i < order.size(); ++i) CHECK(order[i].node == again[i].node);
    }
}

TEST_CASE("the share of a node is as its weight") {
    const auto even = shares({{"vie-1"}, {"vie-2"}, {"vie-3"}, {"vie-4"}});
    for (const auto& [node, share] : even) CHECK(share == doctest::Approx(0.25).epsilon(0.03));
    const auto weighted = shares({{"vie-1", 1}, {"vie-2", 2}, {"vie-3", 5}, {"graz-1", 12}});
    CHECK(weighted.at("vie-1") == doctest::Approx(0.05).epsilon(0.06));
    CHECK(weighted.at("vie-2") == doctest::Approx(0.10).epsilon(0.05));
    CHECK(weighted.at("vie-3") == doctest::Approx(0.25).epsilon(0.03));
    CHECK(weighted.at("graz-1") == doctest::Approx(0.60).epsilon(0.02));
    CHECK(shares({{"vie-1", 1}, {"vie-2", 100}}).at("vie-1") == doctest::Approx(1.0 / 101).epsilon(0.12));
}

TEST_CASE("a node that goes moves its groups only, and one that comes gets groups from all and gives none") {
    std::mt19937 random(3);
    for (GroupNumber group = 0; group < 5'000; ++group) {
        const auto places = any_places(random, kMostWeight);
        auto fewer = places;
        fewer.erase(fewer.begin() + static_cast<std::ptrdiff_t>(random() % fewer.size()));
        const std::string before = first(group, places);
        const bool is_gone =
            std::none_of(fewer.begin(), fewer.end(), [&](const Place& place) { return place.node == before; });
        if (!is_gone) CHECK(first(group, fewer) == before);
    }
}

TEST_CASE("a weight that is doubled takes from all others in proportion, and moves nothing between them") {
    const std::vector<Place> before{{"vie-1", 2}, {"vie-2", 2}, {"vie-3", 4}, {"vie-4", 8}};
    std::vector<Place> after = before;
    after[0].weight = 4;
    std::map<std::string, double> taken;
    std::map<std::string, double> had;
    for (GroupNumber group = 0; group < kGroups; ++group) {
        const std::string was = first(group, before);
        const std::string is = first(group, after);
        had[was] += 1;
        if (was == is) continue;
        CHECK(is == "vie-1");
        taken[was] += 1;
    }
    // Of each of them the same part: 2 of 16 become 4 of 18.
    for (const char* other : {"vie-2", "vie-3", "vie-4"})
        CHECK(taken[other] / had[other] == doctest::Approx(1.0 / 9).epsilon(0.1));
}

TEST_CASE("those of another zone come first, each part by rank, where the zone is known") {
    std::mt19937 random(4);
    for (GroupNumber group = 0; group < 5'000; ++group) {
        const auto places = any_places(random, kMostWeight);
        const auto order = sorted(group, places, "a");
        const auto is_elsewhere = [](const Place& place) { return !place.zone.empty() && place.zone != "a"; };
        CHECK(std::is_partitioned(order.begin(), order.end(), is_elsewhere));
        CHECK(is_elsewhere(order.front()) == std::any_of(places.begin(), places.end(), is_elsewhere));
        for (std::size_t i = 1; i < order.size(); ++i) {
            if (is_elsewhere(order[i - 1]) == is_elsewhere(order[i]))
                CHECK_FALSE(is_ahead(group, order[i], group, order[i - 1]));
        }
        const auto unknown = sorted(group, places, "");
        for (std::size_t i = 1; i < unknown.size(); ++i)
            CHECK_FALSE(is_ahead(group, unknown[i], group, unknown[i - 1]));
    }
}

}  // namespace warren::fleet
