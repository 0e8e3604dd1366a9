// What alertd keeps: the last whole text, whatever happened to the file.
#include "alerts/rim/state_file.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <cstdio>

using namespace warren;
using namespace warren::alerts;

namespace {

struct Room {
    Room() { REQUIRE(::mkstemp(path.data()) >= 0); }
    ~Room() { ::unlink(path.c_str()); }
    Room(const Room&) = delete;
    Room& operator=(const Room&) = delete;

    [[nodiscard]] UniqueFd open() const { return UniqueFd(::open(path.c_str(), O_RDWR | O_CLOEXEC)); }
    // What the next alertd finds.
    [[nodiscard]] std::string found() const {
        StateFile file;
        auto text = file.open(open());
        return text ? *text : "error: " + text.error().what;
    }
    void flip(off_t at) const {
        const UniqueFd file = open();
        char byte = 0;
        REQUIRE(::pread(file.get(), &byte, 1, at) == 1);
        byte = static_cast<char>(byte ^ 1);
        REQUIRE(::pwrite(file.get(), &byte, 1, at) == 1);
    }

    std::string path = "/tmp/alert-state-XXXXXX";
};

void save(const Room& room, std::initializer_list<const char*> texts) {
    StateFile file;
    REQUIRE(file.open(room.open()));
    for (const char* text : texts) REQUIRE(file.save(text));
}

constexpr off_t kPlace = 64 + (8 << 20);

}  // namespace

TEST_CASE("the text that was saved last is found") {
    const Room room;
    CHECK(room.found().empty());
    save(room, {"one"});
    CHECK(room.found() == "one");
    save(room, {"two, longer", "3"});
    CHECK(room.found() == "3");
    save(room, {""});
    CHECK(room.found().empty());
}

TEST_CASE("of a place that was not written whole the other one is found") {
    const Room room;
    save(room, {"one", "two"});  // places 1 and 0
    room.flip(64);               // the text of "two"
    CHECK(room.found() == "one");
    save(room, {"three"});
    CHECK(room.found() == "three");
    room.flip(8);  // the number of "three", in place 0
    CHECK(room.found() == "one");
    room.flip(kPlace + 30);  // the digest of "one"
    CHECK(room.found().empty());
}

TEST_CASE("a file that is cut off, or is of something else, holds nothing") {
    const Room room;
    save(room, {"one", "two"});
    REQUIRE(::truncate(room.path.c_str(), 65) == 0);
    CHECK(room.found().empty());
    const UniqueFd file = room.open();
    REQUIRE(::pwrite(file.get(), "nonsense", 8, 0) == 8);
    CHECK(room.found().empty());
}

TEST_CASE("two alertds do not write into one file") {
    const Room room;
    StateFile first;
    REQUIRE(first.open(room.open()));
    StateFile second;
    CHECK_FALSE(second.open(room.open()).has_value());
}
