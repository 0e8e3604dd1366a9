// Reads the clocks.
#pragma once

#include "base/time.h"

namespace warren::web {

[[nodiscard]] Now read_clock();

}  // namespace warren::web
