// What statusd gives up before it reads the first byte of a stranger.
#pragma once

#include "base/result.h"

namespace warren::web {

// No capabilities, no new privileges, not dumpable, killed with its parent, low priority, first to go when memory is
// short.
[[nodiscard]] Status drop_privileges();

// From now on any system call that is not on the list kills the process: no open, connect, socket, bind, exec, fork.
// All threads.
[[nodiscard]] Status confine_system_calls();

}  // namespace warren::web
