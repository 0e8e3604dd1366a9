#include "tests/unit/crypto/allocation_count.h"

#include <cstddef>

#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define WARREN_COUNTS_ALLOCATIONS 1
#else
#define WARREN_COUNTS_ALLOCATIONS 0
#endif

namespace {
thread_local std::uint64_t count = 0;
}  // namespace

#if WARREN_COUNTS_ALLOCATIONS
// glibc lets a program replace these; its own stay reachable under these names. free() is glibc's.
extern "C" {
void* __libc_malloc(std::size_t size);                           // NOLINT(bugprone-reserved-identifier)
void* __libc_calloc(std::size_t items, std::size_t size);        // NOLINT(bugprone-reserved-identifier)
void* __libc_realloc(void* old, std::size_t size);               // NOLINT(bugprone-reserved-identifier)
void* __libc_memalign(std::size_t alignment, std::size_t size);  // NOLINT(bugprone-reserved-identifier)

void* malloc(std::size_t size) {
    ++count;
    return __libc_malloc(size);
}
void* calloc(std::size_t items, std::size_t size) {
    ++count;
    return __libc_calloc(items, size);
}
void* realloc(void* old, std::size_t size) {
    ++count;
    return __libc_realloc(old, size);
}
void* aligned_alloc(std::size_t alignment, std::size_t size) {
    ++count;
    return __libc_memalign(alignment, size);
}
}
#endif

namespace warren::test {

bool counts_allocations() {
    return WARREN_COUNTS_ALLOCATIONS == 1;
}
std::uint64_t allocations_of_this_thread() {
    return count;
}

}  // namespace warren::test
