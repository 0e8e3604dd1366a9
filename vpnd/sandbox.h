// What this process gives up, for good: privileges, being looked at, and every system call that moving packets does not
// need.
#pragma once

#include "base/result.h"

namespace warren::vpnd {

// Before threads start and before the first key comes in: no new privileges, no capabilities, no core dumps, not
// dumpable (ptrace, /proc/PID/mem). Source: prctl(2), capabilities(7).
[[nodiscard]] Status drop_privileges();

// After all threads were started: the system calls that are left, for all threads; any other one kills the process
// (SIGSYS). Nothing can be opened, connected, executed or traced any more; descriptors only come over a channel.
// Source: seccomp(2), SECCOMP_FILTER_FLAG_TSYNC.
[[nodiscard]] Status confine_system_calls();

}  // namespace warren::vpnd
