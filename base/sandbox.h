// What the daemons give up when they start: privileges, core dumps, being traced. The system calls: base/seccomp.
#pragma once

#include <cstdint>

#include "base/result.h"

namespace warren {

// No new privileges, not dumpable (ptrace, /proc/PID/mem), no core dumps, no capabilities in any set. Call it before
// threads start and before the first secret arrives. Source: prctl(2), capabilities(7).
[[nodiscard]] Status drop_privileges();

// Removes all capabilities from the bounding set except those whose bits are set in `keep`; one that is already gone
// counts as removed. Tries all; false, with errno of the first failure, when some remain. Does not allocate, so it may
// be called between fork() and exec().
[[nodiscard]] bool drop_bounding_set(std::uint64_t keep);

// Sets /proc/self/oom_score_adj (-1000..1000). Best effort; call it before drop_privileges(), after which the file
// belongs to root. Source: proc_pid_oom_score_adj(5).
void set_oom_score(int score);

}  // namespace warren
