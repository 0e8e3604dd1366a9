// Privileges that were dropped are gone: in child processes, as there is no way back.
#include "base/sandbox.h"

#include <doctest/doctest.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>

using namespace warren;

namespace {

int exit_status_of_child(const std::function<int()>& work) {
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) ::_exit(work());
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    REQUIRE(WIFEXITED(status));
    return WEXITSTATUS(status);
}

bool in_bounding_set(int capability) {
    return ::prctl(PR_CAPBSET_READ, capability, 0, 0, 0) == 1;
}

}  // namespace

TEST_CASE("the bounding set is dropped but for what is kept, and a second time is no error") {
    if (::geteuid() != 0 || !in_bounding_set(CAP_SETPCAP) || !in_bounding_set(CAP_NET_ADMIN)) {
        MESSAGE("needs root");
        return;
    }
    CHECK(exit_status_of_child([] {
              if (!drop_bounding_set(std::uint64_t{1} << CAP_NET_ADMIN)) return 1;
              if (!in_bounding_set(CAP_NET_ADMIN)) return 2;
              for (int capability = 0; ::prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; ++capability) {
                  if (capability != CAP_NET_ADMIN && in_bounding_set(capability)) return 3;
              }
              return drop_bounding_set(std::uint64_t{1} << CAP_NET_ADMIN) ? 0 : 4;
          }) == 0);
}

TEST_CASE("a bounding set that may not be dropped is reported, unless it is empty already") {
    if (::geteuid() != 0 || !in_bounding_set(CAP_SETPCAP)) {
        MESSAGE("needs root");
        return;
    }
    CHECK(exit_status_of_child([] {
              if (::setresuid(1, 1, 1) != 0) return 1;  // no CAP_SETPCAP any more
              return drop_bounding_set(0) ? 2 : 0;
          }) == 0);
    CHECK(exit_status_of_child([] {
              if (!drop_bounding_set(0) || ::setresuid(1, 1, 1) != 0) return 1;
              return drop_bounding_set(0) ? 0 : 2;
          }) == 0);
}

TEST_CASE("after drop_privileges the process is not dumpable and cannot gain privileges") {
    CHECK(exit_status_of_child([] {
              if (!drop_privileges()) return 1;
              if (::prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0) return 2;
              return ::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ? 0 : 3;
          }) == 0);
}
