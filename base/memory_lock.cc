#include "base/memory_lock.h"

#include <malloc.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <string>

namespace warren {

namespace {

// Where the heap starts, from proc(5)'s /proc/self/maps; 0 when there is none.
std::uintptr_t find_heap() {
    std::ifstream maps("/proc/self/maps");
    for (std::string line; std::getline(maps, line);) {
        if (line.ends_with("[heap]")) return std::strtoull(line.c_str(), nullptr, 16);
    }
    return 0;
}

}  // namespace

Result<MemoryLock> MemoryLock::start() {
    MemoryLock lock;
    rlimit limit{};
    if (::getrlimit(RLIMIT_MEMLOCK, &limit) != 0) return fail_errno("memory lock limit", errno);
    if (limit.rlim_cur == RLIM_INFINITY) {
        if (::mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) != 0) return fail_errno("mlockall", errno);
        return lock;
    }
    // One heap for all threads, and nothing allocated beside it, so that one range holds every key.
    if (::mallopt(M_ARENA_MAX, 1) == 0 || ::mallopt(M_MMAP_MAX, 0) == 0)
        return fail(ErrorCode::kUnsupported, "mallopt");
    lock.heap_ = find_heap();
    if (lock.heap_ == 0) return fail(ErrorCode::kUnsupported, "no heap in /proc/self/maps");
    WARREN_TRY(lock.extend());
    return lock;
}

Status MemoryLock::extend() {
    if (heap_ == 0) return {};
    const auto end = reinterpret_cast<std::uintptr_t>(::sbrk(0));
    if (::mlock2(reinterpret_cast<const void*>(heap_), end - heap_, MLOCK_ONFAULT) == 0) return {};
    return fail(ErrorCode::kUnavailable,
                "the heap is larger than RLIMIT_MEMLOCK; raise it, or start as root with CAP_SYS_RESOURCE", errno);
}

}  // namespace warren
