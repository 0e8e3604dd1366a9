// The privileges that statusd drops before it reads the first byte from the network.
#pragma once

#include "base/result.h"

namespace warren::web {

// No capabilities, no new privileges, not dumpable, killed with its parent, low priority, first choice of the OOM
// killer.
[[nodiscard]] Status drop_privileges();

// From now on, in all threads, any system call that is not on the list kills the process: no open, connect, socket,
// bind, exec, fork.
[[nodiscard]] Status confine_system_calls();

}  // namespace warren::web
