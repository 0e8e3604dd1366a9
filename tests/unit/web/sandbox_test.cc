// What statusd gave up is gone: each claim in a child process, as there is no way back.
#include "web/rim/sandbox.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <functional>

using namespace warren;
using namespace warren::web;

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

TEST_CASE("statusd can open no file") {
    CHECK(kills([] { (void)!::open("/dev/null", O_RDONLY); }));
    CHECK(kills([] { ::syscall(SYS_openat, AT_FDCWD, "/dev/null", O_RDONLY); }));
    CHECK(kills([] { ::syscall(SYS_openat2, AT_FDCWD, "/dev/null", nullptr, 0); }));
    CHECK(kills([] { (void)!::unlink("/nonexistent"); }));
    CHECK(kills([] { (void)!::chdir("/"); }));
}

TEST_CASE("statusd can make no socket and no connection of its own") {
    CHECK(kills([] { (void)!::socket(AF_INET, SOCK_STREAM, 0); }));
    CHECK(kills([] { (void)!::socket(AF_UNIX, SOCK_SEQPACKET, 0); }));
    CHECK(kills([] { (void)!::socketpair(AF_UNIX, SOCK_STREAM, 0, nullptr); }));
    CHECK(kills([] { (void)!::connect(0, nullptr, 0); }));
    CHECK(kills([] { (void)!::bind(0, nullptr, 0); }));
    CHECK(kills([] { (void)!::listen(0, 1); }));
}

TEST_CASE("statusd can start no program and reach no process") {
    CHECK(kills([] { (void)!::execl("/bin/true", "true", nullptr); }));
    CHECK(kills([] { (void)!::fork(); }));
    CHECK(kills([] { (void)!::kill(::getppid(), 0); }));
    CHECK(kills([] { ::syscall(SYS_ptrace, 0, 0, 0, 0); }));
    CHECK(kills([] { (void)!::setuid(0); }));
}

TEST_CASE("allowed calls with arguments that are not allowed kill statusd") {
    CHECK(kills([] { ::mmap(nullptr, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); }));
    CHECK(kills([] { ::syscall(SYS_ioctl, 0, 0x5412 /* TIOCSTI */, 0); }));
    CHECK(kills([] { (void)!::fcntl(0, F_SETOWN, 1); }));
    CHECK(kills([] { (void)!::setsockopt(0, SOL_SOCKET, SO_MARK, nullptr, 0); }));
}

TEST_CASE("statusd can neither name nor lock the files of its database") {
    CHECK(kills([] { (void)!::truncate("/nonexistent", 0); }));
    CHECK(kills([] { (void)!::rename("/nonexistent", "/nonexistent2"); }));
    CHECK(kills([] { (void)!::access("/nonexistent", F_OK); }));
    CHECK(kills([] { (void)!::fchmod(0, 0644); }));
    const flock lock{F_WRLCK, SEEK_SET, 0, 0, 0};
    CHECK(kills([&lock] { (void)!::fcntl(0, F_SETLK, &lock); }));
}

TEST_CASE("statusd cannot fill the disk") {
    const int status = status_of_child([] {
        const int file = ::open("/tmp", O_TMPFILE | O_RDWR, 0600);
        if (file < 0 || !drop_privileges()) return 1;
        if (::pwrite(file, "x", 1, off_t{1} << 30) != 1) return 2;  // SQLite's bound
        if (::pwrite(file, "x", 1, off_t{2} << 30) >= 0 || errno != EFBIG) return 3;
        return 0;
    });
    CHECK(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 0);
}

TEST_CASE("statusd can still accept a connection and write its files") {
    const int status = status_of_child([] {
        const int listener = ::socket(AF_INET, SOCK_STREAM, 0);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        auto* where = reinterpret_cast<sockaddr*>(&address);
        if (::bind(listener, where, size) != 0 || ::listen(listener, 1) != 0) return 1;
        if (::getsockname(listener, where, &size) != 0) return 2;
        const int client = ::socket(AF_INET, SOCK_STREAM, 0);
        if (::connect(client, where, size) != 0) return 3;
        const int file = ::open("/tmp", O_TMPFILE | O_RDWR, 0600);
        if (file < 0) return 4;
        if (!confine_system_calls()) return 5;
        if (::accept(listener, nullptr, nullptr) < 0) return 6;
        if (::pwrite(file, "x", 1, 0) != 1 || ::fsync(file) != 0) return 7;
        if (::ftruncate(file, 0) != 0 || ::fdatasync(file) != 0) return 8;  // the database of the past
        return 0;
    });
    CHECK(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 0);
}
