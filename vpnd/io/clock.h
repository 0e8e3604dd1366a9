// The clock of the packet loop, which tests replace.
#pragma once

#include "base/clock.h"

namespace warren::io {

using Clock = Instant (*)();

}  // namespace warren::io
