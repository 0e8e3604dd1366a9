// What is written over the files of a configuration, and whose lock it is done under.
#include "history/write_back.h"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <future>
#include <string>

#include "base/directory_lock.h"

namespace warren::history {
namespace {

namespace fs = std::filesystem;

struct Place {
    Place() {
        std::string pattern = (fs::temp_directory_path() / "warren-unit-XXXXXX").string();
        REQUIRE(::mkdtemp(pattern.data()) != nullptr);
        root = pattern;
        directory = root + "/etc";
        fs::create_directories(directory + "/customers");
    }
    ~Place() { fs::remove_all(root); }
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;
    void put(const std::string& name, const std::string& text) const { std::ofstream(directory + "/" + name) << text; }

    std::string root;
    std::string directory;
};

TEST_CASE("who waited for the lock while another directory took the place has the lock of that one") {
    const Place place;
    auto held = lock_directory(place.directory);
    REQUIRE(held);
    auto waiting = std::async(std::launch::async, [&] { return lock_directory(place.directory); });
    CHECK(waiting.wait_for(std::chrono::milliseconds(200)) == std::future_status::timeout);
    fs::rename(place.directory, place.root + "/before");
    fs::create_directories(place.directory);
    held->reset();
    const auto got = waiting.get();
    REQUIRE(got);
    struct stat mine {};
    struct stat now {};
    REQUIRE(::fstat(got->get(), &mine) == 0);
    REQUIRE(::stat(place.directory.c_str(), &now) == 0);
    CHECK(mine.st_ino == now.st_ino);
}

}  // namespace
}  // namespace warren::history
