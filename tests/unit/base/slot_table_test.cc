#include "base/slot_table.h"

#include <doctest/doctest.h>

#include <map>
#include <optional>
#include <random>

namespace warren {
namespace {

// Places with keys, some of them with equal hashes.
struct Keys {
    std::vector<std::uint32_t> of_place;
    [[nodiscard]] auto hash() const {
        return [this](std::uint32_t place) { return std::size_t{of_place[place] % 97}; };
    }
    [[nodiscard]] std::uint32_t find(const SlotTable& table, std::uint32_t key) const {
        return table.find(key % 97, [&](std::uint32_t place) { return of_place[place] == key; });
    }
};

TEST_CASE("an empty slot table finds nothing") {
    CHECK(SlotTable().find(1, [](std::uint32_t) { return true; }) == SlotTable::kNone);
}

TEST_CASE("a slot table agrees with a map over random insertions and removals, with hashes that collide") {
    std::mt19937 random(1);
    SlotTable table;
    Keys keys;
    std::map<std::uint32_t, std::uint32_t> model;  // key -> place
    std::vector<std::uint32_t> free;
    for (int step = 0; step < 20'000; ++step) {
        const auto key = static_cast<std::uint32_t>(random() % 400);
        const auto known = model.find(key);
        CHECK(keys.find(table, key) == (known == model.end() ? SlotTable::kNone : known->second));
        if (known != model.end()) {
            table.erase(known->second, keys.hash());
            free.push_back(known->second);
            model.erase(known);
        } else {
            if (free.empty()) {
                free.push_back(static_cast<std::uint32_t>(keys.of_place.size()));
                keys.of_place.push_back(0);
            }
            const std::uint32_t place = free.back();
            free.pop_back();
            keys.of_place[place] = key;
            table.insert(place, keys.hash());
            model[key] = place;
        }
        CHECK(table.size() == model.size());
    }
    for (const auto& [key, place] : model) CHECK(keys.find(table, key) == place);
}

}  // namespace
}  // namespace warren
