#include "base/check.h"

#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <string>

#include "tests/unit/base/stderr_capture.h"

namespace warren {

namespace {

// The wait status of a child that runs `work` and then exits with 7.
template <typename Work>
int status_of_child(Work work) {
    const pid_t child = ::fork();
    if (child == 0) {
        std::signal(SIGABRT, SIG_DFL);  // doctest's own report is not wanted
        work();
        ::_exit(7);
    }
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    return status;
}

}  // namespace

TEST_CASE("a claim that holds costs nothing and is evaluated once") {
    int evaluated = 0;
    WARREN_CHECK(++evaluated == 1);
    CHECK(evaluated == 1);
}

TEST_CASE("a claim that does not hold aborts, and says which and where") {
    test::StderrCapture capture;
    const int status = status_of_child([] { WARREN_CHECK(2 + 2 == 5); });
    const std::string text = capture.text();
    REQUIRE(WIFSIGNALED(status));
    CHECK(WTERMSIG(status) == SIGABRT);
    CHECK(text.find("warren: check failed: 2 + 2 == 5 (") == 0);
    CHECK(text.find("check_test.cc:") != std::string::npos);
}

}  // namespace warren
