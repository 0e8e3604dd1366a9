// What customers used outlives the process that counted it, also one that could not write for a while.
#include "vpnd/usage/usage_file.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>

using namespace warren;
using namespace warren::vpnd;

namespace {

constexpr Month kMonth = 202'611;

UniqueFd memory_file() {
    return UniqueFd(::memfd_create("usage", MFD_CLOEXEC));
}

void count(UsageFile& file, const char* customer, const char* peer, std::uint64_t bytes) {
    file.change(file.find_or_make(customer, peer)).rx_bytes += bytes;
}

std::uint64_t counted(const UsageFile& file, const char* customer, const char* peer = "") {
    const UsageRecord* const record = file.find(customer, peer);
    return record == nullptr ? 0 : record->rx_bytes;
}

UsageFile open(const UniqueFd& file) {
    UsageFile out(kMonth);
    REQUIRE(out.keep_in(file.duplicate()));
    return out;
}

}  // namespace

TEST_CASE("the next process goes on where the last one was killed") {
    const UniqueFd file = memory_file();
    {
        UsageFile first = open(file);
        for (int i = 0; i < 10'000; ++i) count(first, ("c" + std::to_string(i)).c_str(), "", 1);
        count(first, "c7", "graz", 5);
        REQUIRE(first.write());
        count(first, "c7", "graz", 1);  // lost with it
    }
    UsageFile second = open(file);
    CHECK(counted(second, "c7", "graz") == 5);
    CHECK(counted(second, "c9999") == 1);
    count(second, "c7", "graz", 2);
    count(second, "new", "", 3);
    REQUIRE(second.write());
    const UsageFile third = open(file);
    CHECK(counted(third, "c7", "graz") == 7);
    CHECK(counted(third, "c0") == 1);
    CHECK(counted(third, "new") == 3);
}

TEST_CASE("what was counted before the file came is added to it, and nothing is counted twice when it comes again") {
    const UniqueFd file = memory_file();
    {
        UsageFile before = open(file);
        count(before, "acme", "", 100);
        REQUIRE(before.write());
    }
    UsageFile late(kMonth);
    count(late, "acme", "", 10);
    count(late, "other", "", 1);
    REQUIRE(late.keep_in(file.duplicate()));
    CHECK(counted(late, "acme") == 110);
    REQUIRE(late.write());
    REQUIRE(late.keep_in(file.duplicate()));  // another stackd
    CHECK(counted(late, "acme") == 110);
    CHECK(counted(open(file), "acme") == 110);
    CHECK(counted(open(file), "other") == 1);
    // One that was removed: everything goes to the new one.
    const UniqueFd empty = memory_file();
    REQUIRE(late.keep_in(empty.duplicate()));
    REQUIRE(late.write());
    CHECK(counted(open(empty), "acme") == 110);
}

TEST_CASE("a file system that is full loses nothing, and has everything when there is room again") {
    const std::string path = "/tmp/warren-usage-" + std::to_string(::getpid());
    const UniqueFd disk(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_TRUNC, 0600));
    REQUIRE(disk.valid());
    ::unlink(path.c_str());
    UsageFile file(kMonth);
    REQUIRE(file.keep_in(disk.duplicate()));
    count(file, "acme", "", 1);
    REQUIRE(file.write());

    rlimit usual{};
    REQUIRE(::getrlimit(RLIMIT_FSIZE, &usual) == 0);
    const rlimit full{UsageRecord::kSize, usual.rlim_max};
    ::signal(SIGXFSZ, SIG_IGN);
    REQUIRE(::setrlimit(RLIMIT_FSIZE, &full) == 0);
    count(file, "acme", "", 1);
    count(file, "other", "", 7);
    CHECK_FALSE(file.write());
    count(file, "other", "", 1);
    CHECK_FALSE(file.write());
    REQUIRE(::setrlimit(RLIMIT_FSIZE, &usual) == 0);

    REQUIRE(file.write());
    CHECK(counted(open(disk), "acme") == 2);
    CHECK(counted(open(disk), "other") == 8);
}

TEST_CASE("a record that was half written is free, and the others are read") {
    const UniqueFd disk = memory_file();
    {
        UsageFile file = open(disk);
        count(file, "first", "", 1);
        count(file, "second", "", 2);
        count(file, "third", "", 3);
        REQUIRE(file.write());
    }
    const char torn = 'x';
    REQUIRE(::pwrite(disk.get(), &torn, 1, UsageRecord::kSize + 50) == 1);
    UsageFile file = open(disk);
    CHECK(counted(file, "first") == 1);
    CHECK(counted(file, "second") == 0);
    CHECK(counted(file, "third") == 3);
}

TEST_CASE("a record never lies across two pages, between which a process that is killed may end") {
    static_assert(4'096 % UsageRecord::kSize == 0);
}

TEST_CASE("two records of one name are one sum, in the next process and in the file") {
    const UniqueFd disk = memory_file();
    {
        UsageFile file = open(disk);
        count(file, "acme", "", 1);
        count(file, "other", "", 2);
        REQUIRE(file.write());
    }
    std::array<std::uint8_t, UsageRecord::kSize> form{};
    UsageRecord again;
    again.customer = "acme";
    again.rx_bytes = 10;
    encode(again, form);
    REQUIRE(::pwrite(disk.get(), form.data(), form.size(), 2 * UsageRecord::kSize) ==
            static_cast<ssize_t>(form.size()));
    UsageFile file = open(disk);
    CHECK(counted(file, "acme") == 11);
    CHECK(counted(file, "other") == 2);
    REQUIRE(file.write());
    CHECK(counted(open(disk), "acme") == 11);
}

TEST_CASE("what a customer used that is gone is kept, and is not the next one's of its id") {
    const UniqueFd disk = memory_file();
    UsageFile file = open(disk);
    count(file, "acme", "", 1);
    count(file, "acme", "graz", 10);
    count(file, "other", "", 5);
    file.close("acme", WallTime{1'796'000'000'000'000'000});
    CHECK(counted(file, "acme") == 0);
    CHECK(counted(file, "acme", "graz") == 0);
    CHECK(counted(file, "other") == 5);
    count(file, "acme", "", 3);
    REQUIRE(file.write());
    UsageFile next = open(disk);
    CHECK(counted(next, "acme") == 3);
    std::uint64_t closed = 0;
    for (const UsageRecord& record : next.records()) closed += record.closed == 1'796'000'000 ? record.rx_bytes : 0;
    CHECK(closed == 11);
    // A rename leaves it alone.
    next.rename({{"acme", "globex"}});
    CHECK(counted(next, "globex") == 3);
    CHECK(counted(next, "globex", "graz") == 0);
}

TEST_CASE("a renamed customer keeps what it and its peers used, also when names change places") {
    const UniqueFd disk = memory_file();
    UsageFile file = open(disk);
    count(file, "a", "", 1);
    count(file, "a", "graz", 10);
    count(file, "b", "", 2);
    file.rename({{"a", "b"}, {"b", "a"}});
    CHECK(counted(file, "b") == 1);
    CHECK(counted(file, "b", "graz") == 10);
    CHECK(counted(file, "a") == 2);
    CHECK(counted(file, "a", "graz") == 0);
    REQUIRE(file.write());
    CHECK(counted(open(disk), "b", "graz") == 10);
    // Of one that was removed the name is free; both are billed under it.
    file.rename({{"a", "b"}});
    CHECK(counted(file, "b") == 3);
    CHECK(counted(file, "a") == 0);
    REQUIRE(file.write());
    CHECK(counted(open(disk), "b") == 3);
    CHECK(counted(open(disk), "a") == 0);
}
