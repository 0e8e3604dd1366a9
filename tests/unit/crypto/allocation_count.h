// Counts this thread's allocations, in any library.
#pragma once

#include <cstdint>

namespace warren::test {

// False under sanitizers, which replace malloc: then the count stays 0.
[[nodiscard]] bool counts_allocations();
[[nodiscard]] std::uint64_t allocations_of_this_thread();

}  // namespace warren::test
