// Removes everything that an instance left behind, while it is not running.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <optional>

#include "base/result.h"
#include "stacks/host/run_dir.h"
#include "stacks/kernel/kernel.h"

namespace warren::stacks {

// Ends a vpnd that outlived its stackd, removes every stack of the run-dir and the sockets in it. Returns how many
// stacks there were. vpnd's replay protection (RUN_DIR/timestamps) stays. `vpnd_user`: that vpnd runs as, if known.
[[nodiscard]] Result<std::size_t> take_down(const RunDir& run_dir, Kernel& kernel, std::optional<uid_t> vpnd_user);

}  // namespace warren::stacks
