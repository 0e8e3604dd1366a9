// The privileges that authd gives up before it gets the first secret.
#pragma once

#include "base/result.h"

namespace warren::auth {

// No capabilities, no new privileges, not dumpable; packets and their handshakes have priority.
[[nodiscard]] Status drop_privileges();

// From now on any system call that is not on the list kills the process: no open, connect, socket, bind, exec, fork.
// Descriptors only arrive over a channel.
[[nodiscard]] Status confine_system_calls();

}  // namespace warren::auth
