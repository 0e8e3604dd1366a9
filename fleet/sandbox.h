// What fleetd gives up when its threads run. See base/sandbox.h, base/seccomp.
#pragma once

#include "base/result.h"

namespace warren::fleet {

// Sockets of IPv4, IPv6 and Unix, and files to write; no program, no other process, no new thread.
[[nodiscard]] Status confine_system_calls();

}  // namespace warren::fleet
