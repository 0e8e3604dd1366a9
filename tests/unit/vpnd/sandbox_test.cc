// What was given up is gone: each claim in a child process, as there is no way back.
#include "vpnd/sandbox.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <functional>
#include <thread>

#include "base/fd.h"
#include "base/log.h"
#include "base/sandbox.h"

using namespace warren;
using namespace warren::vpnd;

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

bool exited_with(int status, int code) {
    return WIFEXITED(status) && WEXITSTATUS(status) == code;
}
bool killed_by_seccomp(int status) {
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS;
}

// Whether a confined child dies of this.
bool kills(const std::function<void()>& call) {
    return killed_by_seccomp(status_of_child([&call] {
        if (!confine_system_calls()) return 1;
        call();
        return 0;
    }));
}

}  // namespace

TEST_CASE("a system call that moving packets does not need kills") {
    CHECK(kills([] { (void)!::open("/dev/null", O_RDONLY); }));
    CHECK(kills([] { (void)!::socket(AF_INET, SOCK_DGRAM, 0); }));
    CHECK(kills([] { (void)!::execl("/bin/true", "true", nullptr); }));
    CHECK(kills([] { (void)!::fork(); }));
    CHECK(kills([] { (void)!::kill(::getppid(), 0); }));
    CHECK(kills([] { (void)!::setuid(0); }));
    CHECK(kills([] { ::syscall(SYS_ptrace, 0, 0, 0, 0); }));
    CHECK(kills([] { (void)!::connect(0, nullptr, 0); }));
    CHECK(kills([] { (void)!::prctl(PR_SET_DUMPABLE, 1); }));
}

TEST_CASE("allowed calls with arguments that are not allowed kill") {
    CHECK(kills([] { ::mmap(nullptr, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); }));
    CHECK(kills([] { ::syscall(SYS_mprotect, 0, 0, PROT_EXEC); }));
    CHECK(kills([] { ::syscall(SYS_ioctl, 0, 0x5412 /* TIOCSTI */, 0); }));
    CHECK(kills([] { (void)!::fcntl(0, F_SETOWN, 1); }));
    CHECK(kills([] { (void)!::setsockopt(0, SOL_SOCKET, SO_MARK, nullptr, 0); }));
}

TEST_CASE("a thread of this process may be signalled, as abort() does, and no other") {
    CHECK(kills([] { ::syscall(SYS_tgkill, ::getppid(), ::getppid(), 0); }));
    CHECK(kills([] { ::syscall(SYS_tgkill, 1, 1, 0); }));
    const int aborted = status_of_child([] {
        (void)std::signal(SIGABRT, SIG_DFL);  // not doctest's handler
        if (!confine_system_calls()) return 1;
        std::abort();
    });
    CHECK(WIFSIGNALED(aborted));
    CHECK(WTERMSIG(aborted) == SIGABRT);
}

TEST_CASE("what the loops do is still possible") {
    const int status = status_of_child([] {
        std::array<int, 2> ends{};
        if (::pipe(ends.data()) != 0) return 1;
        const UniqueFd file(::memfd_create("kept", MFD_CLOEXEC));
        if (!confine_system_calls()) return 2;
        // A file that vpnd keeps something in gets its form.
        if (::ftruncate(file.get(), 1000) != 0 || ::lseek(file.get(), 0, SEEK_END) != 1000) return 5;
        const std::string text(200'000, 'x');  // large enough for mmap
        if (::write(ends[1], text.data(), 10) != 10) return 3;
        log(LogLevel::kInfo, "sandbox_test", {{"says", "this line is expected"}});
        return ::close(ends[0]) == 0 ? 0 : 4;
    });
    CHECK(exited_with(status, 0));
}

TEST_CASE("a thread that was there before is confined too") {
    const int status = status_of_child([] {
        std::array<int, 2> ends{};
        if (::pipe(ends.data()) != 0) return 1;
        std::thread worker([&ends] {
            char byte = 0;
            if (::read(ends[0], &byte, 1) == 1) (void)!::open("/dev/null", O_RDONLY);
            ::_exit(0);
        });
        if (!confine_system_calls()) ::_exit(2);
        if (::write(ends[1], "x", 1) != 1) ::_exit(3);
        worker.join();
        return 4;
    });
    CHECK(killed_by_seccomp(status));
}

TEST_CASE("privileges are dropped for good") {
    const int status = status_of_child([] {
        if (!drop_privileges()) return 1;
        if (::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1) return 2;
        if (::prctl(PR_GET_DUMPABLE) != 0) return 3;
        __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
        std::array<__user_cap_data_struct, 2> data{};
        if (::syscall(SYS_capget, &header, data.data()) != 0) return 4;
        for (const auto& set : data) {
            if ((set.effective | set.permitted | set.inheritable) != 0) return 5;
        }
        rlimit core{};
        if (::getrlimit(RLIMIT_CORE, &core) != 0 || core.rlim_max != 0) return 6;
        return 0;
    });
    CHECK(exited_with(status, 0));
}
