// Names that pass on in two steps.
#include "base/renames.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

using namespace warren;

namespace {

using Names = std::map<std::string, int>;

// Each thing under its name after the renames.
Names renamed(Names names, const std::vector<Rename>& renames) {
    rename_keys(names, renames);
    return names;
}

// Each has its old name, and nothing has its new one afterwards.
bool is_possible(const Names& names, const std::vector<Rename>& renames) {
    return std::all_of(renames.begin(), renames.end(), [&](const Rename& rename) {
        const bool is_given_up =
            std::any_of(renames.begin(), renames.end(), [&](const Rename& other) { return other.from == rename.to; });
        return names.contains(rename.from) && (is_given_up || !names.contains(rename.to));
    });
}

}  // namespace

TEST_CASE("two steps in one come to the same as one after the other") {
    const Names before{{"a", 1}, {"b", 2}, {"c", 3}};
    const std::vector<std::vector<Rename>> steps{{},
                                                 {{"a", "d"}},
                                                 {{"d", "a"}},
                                                 {{"a", "b"}, {"b", "a"}},
                                                 {{"a", "b"}, {"b", "d"}},
                                                 {{"a", "b"}, {"b", "c"}, {"c", "a"}},
                                                 {{"b", "d"}, {"c", "b"}}};
    int pairs = 0;
    for (std::size_t i = 0; i < steps.size(); ++i) {
        if (!is_possible(before, steps[i])) continue;
        const Names between = renamed(before, steps[i]);
        for (std::size_t k = 0; k < steps.size(); ++k) {
            if (!is_possible(between, steps[k])) continue;
            CAPTURE(i);
            CAPTURE(k);
            CHECK(renamed(before, chained(steps[i], steps[k])) == renamed(between, steps[k]));
            ++pairs;
        }
    }
    CHECK(pairs > 15);
}

TEST_CASE("what has a name in the second step only is nothing that the first one knows") {
    using Renames = std::vector<Rename>;
    CHECK(chained({{"a", "b"}}, {{"a", "c"}}) == Renames{{"a", "b"}});  // the second a came in between
    CHECK(chained({{"a", "b"}}, {{"c", "b"}}) == Renames{{"c", "b"}});  // b went in between
    CHECK(chained({{"a", "b"}}, {{"b", "a"}}) == Renames{{"a", "a"}});
    CHECK(chained({{"a", "b"}}, {{"b", "c"}}) == Renames{{"a", "c"}});
    CHECK(chained({{"a", "b"}}, {{"c", "d"}}) == Renames{{"a", "b"}, {"c", "d"}});
}
