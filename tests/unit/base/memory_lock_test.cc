// Keys are kept out of swap: all memory where that is allowed, the heap where there is a limit, and a word where there
// is not enough.
#include "base/memory_lock.h"

#include <doctest/doctest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <vector>

using namespace warren;

namespace {

// What a child that does `work` exits with.
int result_of_child(const std::function<int()>& work) {
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) ::_exit(work());
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    REQUIRE(WIFEXITED(status));
    return WEXITSTATUS(status);
}

// proc(5): VmLck of /proc/self/status, in kB.
long locked_kilobytes() {
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);) {
        if (line.starts_with("VmLck:")) return std::strtol(line.c_str() + 6, nullptr, 10);
    }
    return 0;
}

bool limit_to(rlim_t bytes) {
    const rlimit limit{bytes, bytes};
    return ::setrlimit(RLIMIT_MEMLOCK, &limit) == 0;
}

}  // namespace

TEST_CASE("under a limit the heap is locked, large allocations and what comes later too") {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    MESSAGE("skipped: the sanitizers' own memory is more than any limit");
    return;
#endif
    // Capabilities lift the limit, so this is seen as somebody else.
    if (::geteuid() != 0) return;
    static constexpr rlim_t limit = 8 << 20;
    const int result = result_of_child([] {
        if (!limit_to(limit) || ::setresuid(65534, 65534, 65534) != 0) return 1;
        auto lock = MemoryLock::start();
        if (!lock) return 2;
        const long before = locked_kilobytes();
        if (before <= 0) return 3;
        // Blocks larger than malloc's usual threshold for mmap, until the heap had to grow.
        std::vector<std::vector<char>> blocks;
        for (const void* end = ::sbrk(0); end == ::sbrk(0) && blocks.size() < 64;) blocks.emplace_back(256 << 10, 'x');
        if (!lock->extend()) return 4;
        if (locked_kilobytes() <= before) return 5;
        blocks.emplace_back(limit, 'x');
        const Status refused = lock->extend();
        return !refused && refused.error().code == ErrorCode::kUnavailable ? 0 : 6;
    });
    CHECK(result == 0);
}

TEST_CASE("without a limit everything is locked") {
    const int result = result_of_child([] {
        if (!limit_to(RLIM_INFINITY)) return 0;  // not ours to raise here
        auto lock = MemoryLock::start();
        return lock && lock->extend() && locked_kilobytes() > 0 ? 0 : 1;
    });
    CHECK(result == 0);
}
