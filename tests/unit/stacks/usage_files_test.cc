// Which months are kept, also while the wall clock is wrong.
#include "stacks/host/usage_files.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <string>

using namespace warren;
using namespace warren::stacks;

namespace {

struct Directory {
    std::string path = "/tmp/warren-usage-XXXXXX";
    Directory() {
        REQUIRE(::mkdtemp(path.data()) != nullptr);
        REQUIRE(::mkdir(usage_directory(path).c_str(), 0700) == 0);
    }
    ~Directory() { std::filesystem::remove_all(path); }
    void add(Month month) const {
        const std::string file = usage_directory(path) + "/" + month_text(month);
        REQUIRE(UniqueFd(::open(file.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600)).valid());
    }
    [[nodiscard]] bool has(Month month) const {
        const auto months = months_in(usage_directory(path));
        return std::find(months.begin(), months.end(), month) != months.end();
    }
};

}  // namespace

TEST_CASE("a clock that is years ahead removes nothing of the months that are kept") {
    const Directory directory;
    for (Month month = 202'411; month <= 202'611; month = next_month(month)) directory.add(month);
    remove_old_usage(directory.path, 202'901);
    CHECK(months_in(usage_directory(directory.path)).size() == kUsageMonths + 1);
}

TEST_CASE("the oldest month goes when there are more than are kept, one at a time, and none that is not old") {
    const Directory directory;
    for (Month month = 202'409; month <= 202'611; month = next_month(month)) directory.add(month);
    remove_old_usage(directory.path, 202'611);
    CHECK_FALSE(directory.has(202'409));
    CHECK(directory.has(202'410));
    remove_old_usage(directory.path, 202'611);
    CHECK_FALSE(directory.has(202'410));
    directory.add(202'901);  // the clock was wrong
    remove_old_usage(directory.path, 202'611);
    CHECK(directory.has(202'411));
    CHECK(directory.has(202'901));
}
