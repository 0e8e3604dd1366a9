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

TEST_CASE("an error in the middle says where the copies are, and the same order goes on") {
    const Place place;
    place.put("warren.toml", "mine");
    place.put("customers/acme.toml", "also mine");
    const config::Texts texts{"base", {{"acme", "base"}}};
    const WriteOrder order{place.directory, &texts, "", [](std::string_view) { return false; }, "kept"};
    fs::create_directories(place.directory + "/customers/acme.toml.new/full");  // as a disk that is full there
    const auto done = write_back(order);
    REQUIRE_FALSE(done);
    CHECK(done.error().what.find("warren.toml.kept") != std::string::npos);
    fs::remove_all(place.directory + "/customers/acme.toml.new");
    const auto again = write_back(order);
    REQUIRE(again);
    CHECK(again->written.size() == 1);
    CHECK(again->kept.size() == 1);
    CHECK(fs::exists(place.directory + "/warren.toml.kept"));
}

TEST_CASE("customers of resellers are written back and removed, with directories that are gone") {
    const Place place;
    place.put("warren.toml", "base");
    place.put("customers/acme.toml", "base");
    fs::create_directories(place.directory + "/customers/globex");
    place.put("customers/globex/x.toml", "stranger");
    const config::Texts texts{"base", {{"acme", "base"}, {"acme.north", "north"}, {"acme.north.lab", "lab"}}};
    const WriteOrder order{place.directory, &texts, "", [](std::string_view) { return true; }, "kept"};
    const auto done = write_back(order);
    REQUIRE(done);
    CHECK(done->written == std::vector<std::string>{place.directory + "/customers/acme/north.toml",
                                                    place.directory + "/customers/acme/north/lab.toml"});
    CHECK(done->removed == std::vector<std::string>{place.directory + "/customers/globex/x.toml"});
    std::ifstream lab(place.directory + "/customers/acme/north/lab.toml");
    CHECK(std::string(std::istreambuf_iterator<char>(lab), {}) == "lab");
    // Not through somebody's link.
    fs::remove_all(place.directory + "/customers/acme");
    fs::create_directories(place.root + "/elsewhere");
    fs::create_symlink(place.root + "/elsewhere", place.directory + "/customers/acme");
    CHECK_FALSE(write_back(order));
    CHECK(fs::is_empty(place.root + "/elsewhere"));
}

TEST_CASE("what could not be written back is found out before it has to be") {
    const Place place;
    place.put("warren.toml", "mine");
    place.put("customers/acme.toml", "mine");
    CHECK(check_write_back(place.directory));
    fs::create_symlink("acme.toml", place.directory + "/customers/globex.txt");
    CHECK(check_write_back(place.directory));
    fs::create_symlink("acme.toml", place.directory + "/customers/globex.toml");
    CHECK_FALSE(check_write_back(place.directory));
    fs::remove(place.directory + "/customers/globex.toml");
    fs::rename(place.directory + "/warren.toml", place.directory + "/elsewhere");
    fs::create_symlink("elsewhere", place.directory + "/warren.toml");
    CHECK_FALSE(check_write_back(place.directory));
    CHECK_FALSE(check_write_back(place.root + "/nowhere"));
}

}  // namespace
}  // namespace warren::history
