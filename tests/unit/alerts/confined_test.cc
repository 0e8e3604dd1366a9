// What alertd gave up is gone: each claim in a child process, as there is no way back.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <functional>

#include "alerts/rim/sandbox.h"

using namespace warren;
using namespace warren::alerts;

namespace {

// The wait status of a child that does `work` and exits with its result.
int status_of_child(const std::function<int()>& work) {
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) ::_exit(work());
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    return status;
}

// Whether a confined child dies of this.
bool kills(const std::function<void()>& call) {
    const int status = status_of_child([&call] {
        if (!confine_system_calls()) return 1;
        call();
        return 0;
    });
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS;
}

}  // namespace

TEST_CASE("alertd can start no program, thread or listener, and change no name in a file system") {
    CHECK(kills([] { (void)!::execl("/bin/true", "true", nullptr); }));
    CHECK(kills([] { (void)!::fork(); }));
    CHECK(kills([] { (void)!::listen(0, 1); }));
    CHECK(kills([] { (void)!::unlink("/nonexistent"); }));
    CHECK(kills([] { (void)!::rename("/nonexistent", "/nonexistent2"); }));
    CHECK(kills([] { (void)!::mkdir("/nonexistent", 0700); }));
    CHECK(kills([] { ::kill(::getppid(), 0); }));
    CHECK(kills([] { ::syscall(SYS_ptrace, 0, 0, 0, 0); }));
    CHECK(kills(
        [] { (void)::mmap(nullptr, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); }));
}

TEST_CASE("alertd has no socket but of IPv4, IPv6 and netlink") {
    CHECK(kills([] { (void)!::socket(AF_PACKET, SOCK_RAW, 0); }));
    CHECK(kills([] { (void)!::socket(AF_ALG, SOCK_SEQPACKET, 0); }));
    CHECK(kills([] { (void)!::socket(AF_VSOCK, SOCK_STREAM, 0); }));
    std::array<int, 2> pair{};
    CHECK(kills([&pair] { (void)!::socketpair(AF_INET, SOCK_STREAM, 0, pair.data()); }));
    const int status = status_of_child([&pair] {
        if (!confine_system_calls()) return 1;
        if (::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0) >= 0 || errno != EAFNOSUPPORT) return 2;
        if (::socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0) < 0 && errno != EAFNOSUPPORT) return 3;
        if (::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0) < 0) return 4;
        return ::socketpair(AF_UNIX, SOCK_STREAM, 0, pair.data()) == 0 ? 0 : 5;
    });
    REQUIRE(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 0);
}

TEST_CASE("a nameserver with the name of an interface does not end alertd") {
    const int status = status_of_child([] {
        if (!confine_system_calls()) return 1;
        const unsigned number = ::if_nametoindex("lo");
        std::array<char, IF_NAMESIZE> name{};
        return number != 0 && ::if_indextoname(number, name.data()) != nullptr ? 0 : 2;
    });
    CHECK(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 0);
}

TEST_CASE("alertd can connect, and read what a resolver reads") {
    const int status = status_of_child([] {
        if (!confine_system_calls()) return 1;
        const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (socket < 0) return 2;
        return ::open("/etc/hosts", O_RDONLY | O_CLOEXEC) < 0 ? 3 : 0;
    });
    CHECK(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 0);
}

TEST_CASE("with Landlock alertd reads /etc and /usr, and writes and reads nothing else") {
    const int status = status_of_child([] {
        if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return 1;
        if (!confine_files()) return 77;  // a kernel without it
        if (::open("/etc/hosts", O_RDONLY | O_CLOEXEC) < 0) return 2;
        if (::open("/proc/self/status", O_RDONLY | O_CLOEXEC) >= 0) return 3;
        if (::open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC) >= 0) return 4;
        if (::open("/etc/warren-alertd-test", O_WRONLY | O_CREAT | O_CLOEXEC, 0600) >= 0) return 5;
        return errno == EACCES ? 0 : 6;
    });
    REQUIRE(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77) {
        MESSAGE("this kernel has no Landlock");
    } else {
        CHECK(WEXITSTATUS(status) == 0);
    }
}
