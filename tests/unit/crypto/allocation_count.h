// Counts what this thread takes from the heap, by whatever library.
#pragma once

#include <cstdint>

namespace warren::test {

// False under sanitizers, which own malloc: the count stays 0 then.
[[nodiscard]] bool counts_allocations();
[[nodiscard]] std::uint64_t allocations_of_this_thread();

}  // namespace warren::test
