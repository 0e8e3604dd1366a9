#include "base/fd.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <type_traits>

namespace warren {

namespace {

UniqueFd open_null() {
    UniqueFd fd(::open("/dev/null", O_RDWR));
    REQUIRE(fd.valid());
    return fd;
}

bool is_open(int fd) {
    return ::fcntl(fd, F_GETFD) >= 0;
}

static_assert(!std::is_copy_constructible_v<UniqueFd> && !std::is_copy_assignable_v<UniqueFd>);
static_assert(std::is_nothrow_move_constructible_v<UniqueFd> && std::is_nothrow_move_assignable_v<UniqueFd>);

}  // namespace

TEST_CASE("no descriptor is not valid") {
    const UniqueFd none;
    CHECK_FALSE(none.valid());
    CHECK(none.get() == -1);
    CHECK_FALSE(none.duplicate().valid());
}

TEST_CASE("a descriptor is closed at the end of its owner") {
    int number = -1;
    {
        const UniqueFd fd = open_null();
        number = fd.get();
        CHECK(is_open(number));
    }
    CHECK_FALSE(is_open(number));
}

TEST_CASE("standard streams that are closed become /dev/null, open ones stay") {
    const pid_t child = ::fork();
    if (child == 0) {
        std::array<int, 2> ends{};
        if (::pipe(ends.data()) != 0) ::_exit(1);
        ::dup2(ends[1], 1);
        ::close(0);
        ::close(2);
        open_standard_streams();
        const UniqueFd next = open_null();
        const auto is_null = [](int fd) {
            struct stat one {
            }, null{};
            return ::fstat(fd, &one) == 0 && ::stat("/dev/null", &null) == 0 && one.st_rdev == null.st_rdev &&
                   S_ISCHR(one.st_mode);
        };
        ::_exit(is_null(0) && !is_null(1) && is_open(1) && is_null(2) && next.get() > 2 ? 0 : 2);
    }
    int status = -1;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK(status == 0);
}

TEST_CASE("descriptor 0 is a descriptor") {
    const UniqueFd saved(::dup(0));
    const UniqueFd other = open_null();
    ::dup2(other.get(), 0);
    UniqueFd zero(0);
    CHECK(zero.valid());
    zero.reset();
    CHECK_FALSE(is_open(0));
    if (saved.valid()) ::dup2(saved.get(), 0);
}

TEST_CASE("a moved descriptor has one owner") {
    UniqueFd from = open_null();
    const int number = from.get();
    UniqueFd to(std::move(from));
    CHECK_FALSE(from.valid());  // NOLINT(bugprone-use-after-move): the claim
    CHECK(to.get() == number);

    UniqueFd target = open_null();
    const int replaced = target.get();
    target = std::move(to);
    CHECK_FALSE(is_open(replaced));
    CHECK(target.get() == number);
    CHECK(is_open(number));
}

TEST_CASE("a descriptor assigned to itself stays open") {
    UniqueFd fd = open_null();
    UniqueFd& same = fd;
    fd = std::move(same);
    CHECK(fd.valid());
    CHECK(is_open(fd.get()));
}

TEST_CASE("a released descriptor is the caller's to close") {
    int number = -1;
    {
        UniqueFd fd = open_null();
        number = fd.release();
        CHECK_FALSE(fd.valid());
    }
    CHECK(is_open(number));
    ::close(number);
}

TEST_CASE("reset closes once") {
    UniqueFd fd = open_null();
    const int number = fd.get();
    fd.reset();
    CHECK_FALSE(fd.valid());
    CHECK_FALSE(is_open(number));
    const UniqueFd next = open_null();  // takes the same number
    REQUIRE(next.get() == number);
    fd.reset();
    CHECK(is_open(number));
}

TEST_CASE("a duplicate outlives the first, and is closed on exec") {
    UniqueFd first = open_null();
    const UniqueFd second = first.duplicate();
    REQUIRE(second.valid());
    CHECK(second.get() != first.get());
    first.reset();
    CHECK(is_open(second.get()));
    CHECK((::fcntl(second.get(), F_GETFD) & FD_CLOEXEC) != 0);
}

}  // namespace warren
