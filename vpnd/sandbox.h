// The system calls that vpnd may still make once it serves. Its privileges: base/sandbox.h.
#pragma once

#include "base/result.h"

namespace warren::vpnd {

// After all threads were started: the system calls that are left, for all threads; any other one kills the process
// (SIGSYS). Nothing can be opened, connected, executed or traced any more; descriptors only arrive over a channel.
// Source: seccomp(2), SECCOMP_FILTER_FLAG_TSYNC.
[[nodiscard]] Status confine_system_calls();

}  // namespace warren::vpnd
