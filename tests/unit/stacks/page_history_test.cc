// When statusd gets the file with the history: while it has the revision in force, and not with an older one.
#include "stacks/page_history.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <filesystem>
#include <thread>

namespace warren::stacks {
namespace {

namespace fs = std::filesystem;

struct Room {
    std::string directory = (fs::temp_directory_path() / "warren-history-XXXXXX").string();
    Instant now{1'000'000'000};

    Room() { REQUIRE(::mkdtemp(directory.data()) != nullptr); }
    ~Room() { fs::remove_all(directory); }
    Room(const Room&) = delete;
    Room& operator=(const Room&) = delete;
    [[nodiscard]] std::string file() const { return directory + "/revisions.page"; }

    // Until what it has changes; false: it does not.
    bool waits_for_change(PageHistory& history, std::optional<std::uint64_t> in_force) {
        const std::uint64_t before = history.made();
        for (int i = 0; i < 2000 && history.made() == before; ++i) {
            std::this_thread::sleep_for(std::chrono::milliseconds(5));
            history.run(now, in_force);
        }
        return history.made() != before;
    }
};

TEST_CASE_FIXTURE(Room, "a file without the revision in force is taken back, and is there again with it") {
    PageHistory history(directory, file());
    history.run(now, 1);
    CHECK_FALSE(history.open().valid());
    CHECK_FALSE(history.problem().empty());
    REQUIRE(waits_for_change(history, 1));
    CHECK(history.open().valid());
    CHECK(history.problem().empty());

    // A change is in force, and the disk has not got it yet.
    const std::uint64_t before = history.made();
    history.run(now, std::nullopt);
    CHECK(history.made() != before);
    CHECK_FALSE(history.open().valid());
    CHECK_FALSE(history.problem().empty());

    history.run(now, 2);
    CHECK_FALSE(history.open().valid());
    REQUIRE(waits_for_change(history, 2));
    CHECK(history.open().valid());
}

TEST_CASE_FIXTURE(Room, "what a child has made is not shown when another revision came into force meanwhile") {
    PageHistory history(directory, file());
    history.run(now, 1);
    REQUIRE(waits_for_change(history, std::nullopt));
    CHECK(fs::exists(file()));
    CHECK_FALSE(history.open().valid());
    history.run(now, 1);
    CHECK(history.open().valid());
}

TEST_CASE_FIXTURE(Room, "where no history is kept there is neither a file nor a problem") {
    PageHistory history("", file());
    history.run(now, 1);
    CHECK_FALSE(history.open().valid());
    CHECK(history.problem().empty());
    CHECK(history.made() == 0);
}

}  // namespace
}  // namespace warren::stacks
