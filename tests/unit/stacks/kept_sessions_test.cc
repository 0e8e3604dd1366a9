// The memory for sessions: of a fixed size, and empty after a wipe.
#include "stacks/children/kept_sessions.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace warren;

namespace {

blkcnt_t blocks_of(int fd) {
    struct stat about {};
    REQUIRE(::fstat(fd, &about) == 0);
    return about.st_blocks;
}

}  // namespace

TEST_CASE("nobody can change its size") {
    const auto kept = stacks::KeptSessions::make();
    REQUIRE(kept);
    struct stat about {};
    REQUIRE(::fstat(kept->fd(), &about) == 0);
    CHECK(about.st_size == 192 << 20);
    CHECK(::ftruncate(kept->fd(), 0) != 0);
    CHECK(::ftruncate(kept->fd(), about.st_size * 2) != 0);
    CHECK(blocks_of(kept->fd()) == 0);
    CHECK((::fcntl(kept->fd(), F_GETFD) & FD_CLOEXEC) != 0);
}

TEST_CASE("a wipe leaves zeros and gives the memory back") {
    auto kept = stacks::KeptSessions::make();
    REQUIRE(kept);
    const off_t places[] = {0, 4095, 100'000, (64 << 20) - 1, (192 << 20) - 1};
    for (const off_t at : places) REQUIRE(::pwrite(kept->fd(), "x", 1, at) == 1);
    CHECK(blocks_of(kept->fd()) > 0);
    kept->wipe();
    CHECK(blocks_of(kept->fd()) == 0);
    for (const off_t at : places) {
        char got = 'y';
        REQUIRE(::pread(kept->fd(), &got, 1, at) == 1);
        CHECK(got == 0);
    }
}
