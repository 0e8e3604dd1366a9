// Each claim in a child process, as there is no way back.
#include "ctl/ask/program_filter.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <functional>

namespace warren::ctl {

namespace {

constexpr int kNoFilter = 255;

// errno of `call` in a child that is confined; 0: it was done.
int answer(const std::function<long()>& call) {
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || !confine_program()) ::_exit(kNoFilter);
        ::_exit(call() < 0 ? errno : 0);
    }
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    REQUIRE(WIFEXITED(status));
    REQUIRE(WEXITSTATUS(status) != kNoFilter);
    return WEXITSTATUS(status);
}

}  // namespace

TEST_CASE("a program makes no user namespace") {
    CHECK(answer([] { return ::unshare(CLONE_NEWUSER); }) == EPERM);
    CHECK(answer([] { return ::unshare(CLONE_NEWUSER | CLONE_NEWNET); }) == EPERM);
    CHECK(answer([] { return ::syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, nullptr, nullptr, nullptr, 0); }) == EPERM);
    CHECK(answer([] { return ::syscall(SYS_clone3, nullptr, 0); }) == ENOSYS);
    CHECK(answer([] { return ::setns(-1, 0); }) == EPERM);
}

TEST_CASE("a program cannot type into its terminal") {
    const auto ask = [](unsigned long request) {
        return answer([request] { return ::syscall(SYS_ioctl, 0, request, ""); });
    };
    CHECK(ask(TIOCSTI) == EPERM);
    CHECK(ask(TIOCLINUX) == EPERM);
    CHECK(ask(TIOCSTI | 1UL << 32) == EPERM);  // the kernel reads 32 bits
}

TEST_CASE("a confined program does what programs do") {
    CHECK(answer([] { return ::open("/dev/null", O_RDONLY | O_CLOEXEC); }) == 0);
    CHECK(answer([] { return ::unshare(CLONE_FILES); }) == 0);
    CHECK(answer([] {
              const pid_t child = ::fork();
              if (child == 0) ::_exit(0);
              return child < 0 ? -1L : static_cast<long>(::waitpid(child, nullptr, 0));
          }) == 0);
}

}  // namespace warren::ctl
