// The files of statusd's past: what is set aside is kept once, and the disk holds no more of them than that.
#include "stacks/children/past_files.h"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>

using namespace warren;
using namespace warren::stacks;

namespace {

struct Directory {
    std::string path = (std::filesystem::temp_directory_path() / "warren-past-XXXXXX").string();
    Directory() { REQUIRE(::mkdtemp(path.data()) != nullptr); }
    ~Directory() { std::filesystem::remove_all(path); }
    Directory(const Directory&) = delete;
    Directory& operator=(const Directory&) = delete;
};

off_t size_of(int file) {
    struct stat about {};
    REQUIRE(::fstat(file, &about) == 0);
    return about.st_size;
}

}  // namespace

TEST_CASE("a broken past is kept once, and a second one leaves no blocks to who has it open") {
    const Directory directory;
    const auto write = [](const PastFiles& files, const std::string& text) {
        for (const int file : {files.database.get(), files.log.get()})
            REQUIRE(::pwrite(file, text.data(), text.size(), 0) == static_cast<ssize_t>(text.size()));
    };
    const auto first = open_past(directory.path);
    REQUIRE(first);
    write(*first, "first");
    const auto aside = set_past_aside(directory.path);
    REQUIRE(aside);
    CHECK(*aside == directory.path + "/past.db.broken");

    const auto second = open_past(directory.path);
    REQUIRE(second);
    CHECK(size_of(second->database.get()) == 0);
    write(*second, "the second");
    const auto emptied = set_past_aside(directory.path);
    REQUIRE(emptied);
    CHECK(emptied->empty());
    CHECK(size_of(second->database.get()) == 0);
    CHECK(size_of(second->log.get()) == 0);
    CHECK(std::filesystem::file_size(*aside) == 5);
    CHECK(std::filesystem::file_size(directory.path + "/past.db-wal.broken") == 5);
}
