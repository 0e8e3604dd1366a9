// What the kernel answers to a service: each in a process of its own, because a filter stays.
#include "stacks/services/service_filter.h"

#include <doctest/doctest.h>
#include <sched.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <initializer_list>

namespace warren::stacks {
namespace {

// errno of the call in a filtered process; 0: it worked, 255: there is no filter.
template <typename Call>
int answer_to(Call call) {
    const pid_t pid = ::fork();
    if (pid == 0) {
        if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || !filter_service_calls()) ::_exit(255);
        ::_exit(call() < 0 ? errno : 0);
    }
    int status = 0;
    REQUIRE(::waitpid(pid, &status, 0) == pid);
    REQUIRE(WIFEXITED(status));
    return WEXITSTATUS(status);
}

int socket_of(int family) {
    return answer_to([family] { return ::socket(family, SOCK_STREAM, 0); });
}

TEST_CASE("a service makes no namespace, no mount, and no memory outside of its address space") {
    CHECK(answer_to([] { return ::unshare(CLONE_NEWUSER); }) == EPERM);
    CHECK(answer_to([] { return ::mount("none", "/tmp", "tmpfs", 0, nullptr); }) == EPERM);
    CHECK(answer_to([] { return ::memfd_create("x", 0); }) == EPERM);
    CHECK(answer_to([] { return ::shmget(IPC_PRIVATE, 4096, 0600); }) == EPERM);
    CHECK(answer_to([] { return ::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr); }) == EPERM);
    CHECK(answer_to([] { return ::syscall(SYS_keyctl, 0, 0, 0, 0, 0); }) == EPERM);
    CHECK(answer_to([] { return ::syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, nullptr, nullptr, nullptr, 0); }) ==
          EPERM);
    CHECK(answer_to([] { return ::syscall(SYS_clone3, nullptr, 0); }) == ENOSYS);
}

TEST_CASE("a service has the sockets that it serves with, and none that knows no namespaces") {
    for (const int family : {AF_UNIX, AF_INET, AF_INET6}) CHECK(socket_of(family) == 0);
    CHECK(answer_to([] { return ::socket(AF_NETLINK, SOCK_RAW, 0); }) == 0);
    CHECK(socket_of(AF_VSOCK) == EAFNOSUPPORT);
    CHECK(socket_of(AF_ALG) == EAFNOSUPPORT);
    CHECK(socket_of(AF_PACKET) == EAFNOSUPPORT);
}

TEST_CASE("all else of a service goes on") {
    CHECK(answer_to([] {
              const pid_t child = ::fork();
              if (child == 0) ::_exit(0);
              int status = 0;
              return ::waitpid(child, &status, 0);
          }) == 0);
    CHECK(answer_to([] { return ::execl("/bin/true", "true", nullptr); }) == 0);
}

}  // namespace
}  // namespace warren::stacks
