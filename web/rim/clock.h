// The clocks, for statusd's rim.
#pragma once

#include "base/time.h"

namespace warren::web {

[[nodiscard]] Now read_clock();

}  // namespace warren::web
