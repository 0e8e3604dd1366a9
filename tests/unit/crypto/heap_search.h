// Looks for secrets that were left behind.
#pragma once

#include "base/bytes.h"

namespace warren::test {

// How often `wanted` is in the heap, read from proc(5)'s maps and mem. -1 if this build has its heap elsewhere
// (sanitizers).
[[nodiscard]] int times_in_heap(Bytes wanted);

}  // namespace warren::test
