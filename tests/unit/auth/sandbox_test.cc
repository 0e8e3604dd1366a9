// What authd gave up is gone: each claim in a child process, as there is no way back.
#include "auth/sandbox.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <functional>

#include "auth/table/table.h"
#include "crypto/prf.h"
#include "ipc/channel.h"

using namespace warren;
using namespace warren::auth;

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

TEST_CASE("authd can open no file") {
    CHECK(kills([] { (void)!::open("/dev/null", O_RDONLY); }));
    CHECK(kills([] { ::syscall(SYS_openat2, AT_FDCWD, "/dev/null", nullptr, 0); }));
    CHECK(kills([] { (void)!::unlink("/nonexistent"); }));
}

TEST_CASE("authd can make no socket and no connection of its own") {
    CHECK(kills([] { (void)!::socket(AF_INET, SOCK_DGRAM, 0); }));
    CHECK(kills([] { (void)!::socketpair(AF_UNIX, SOCK_STREAM, 0, nullptr); }));
    CHECK(kills([] { (void)!::connect(0, nullptr, 0); }));
    CHECK(kills([] { (void)!::bind(0, nullptr, 0); }));
    CHECK(kills([] { (void)!::accept(0, nullptr, nullptr); }));
}

TEST_CASE("authd can start no program and reach no process") {
    CHECK(kills([] { (void)!::execl("/bin/true", "true", nullptr); }));
    CHECK(kills([] { (void)!::fork(); }));
    CHECK(kills([] { ::kill(::getppid(), 0); }));
    CHECK(kills([] { ::syscall(SYS_ptrace, 0, 0, 0, 0); }));
    CHECK(kills([] { ::syscall(SYS_process_vm_readv, ::getpid(), nullptr, 0, nullptr, 0, 0); }));
    CHECK(kills([] { ::prctl(PR_SET_DUMPABLE, 1, 0, 0, 0); }));
}

TEST_CASE("authd's work is allowed: a descriptor comes over a channel, a MAC goes back") {
    auto ends = ipc::Channel::pair();
    REQUIRE(ends);
    const int status = status_of_child([&ends] {
        const std::uint8_t byte = 7;
        (void)crypto::shared_key_mic(crypto::Sha::kSha256, {&byte, 1}, {&byte, 1});
        if (!ends->first.send({&byte, 1}, {ends->first.fd()})) return 1;
        if (!confine_system_calls()) return 2;
        std::array<std::uint8_t, 16> space{};
        auto received = ends->second.receive(space);
        if (!received || received->descriptors.size() != 1) return 3;
        if (!ipc::Channel::is_channel(received->descriptors[0].get())) return 4;
        ipc::Channel passed(std::move(received->descriptors[0]));
        if (!passed.set_non_blocking()) return 5;
        const crypto::PrfKey mac = crypto::shared_key_mic(crypto::Sha::kSha256, {&byte, 1}, {&byte, 1});
        return passed.send(mac.reveal()) ? 0 : 6;
    });
    CHECK(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 0);
}

TEST_CASE("authd has no capability, no new privileges, and nobody may look into it") {
    const int status = status_of_child([] {
        if (!auth::drop_privileges()) return 1;
        if (::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1) return 2;
        if (::prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0) return 3;
        return ::setuid(0) == 0 && ::chroot("/") == 0 ? 4 : 0;
    });
    CHECK(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 0);
}
