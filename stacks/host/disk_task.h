// A child process that writes to the disk, so that nothing waits for one that is slow or hangs.
#pragma once

#include <sys/types.h>

#include <functional>
#include <optional>
#include <string>

#include "base/fd.h"
#include "base/result.h"
#include "base/time.h"

namespace warren::stacks {

// At most one child at a time. One thread. A child that still runs at the end goes on.
class DiskTask {
  public:
    struct Outcome {
        bool succeeded = false;
        std::string text;  // what the work returned, or why it failed; at most 4 KB
    };
    // Runs `work` in a child: a copy of this process that has no descriptor but 0 to 2, and may not log. There must be
    // none.
    [[nodiscard]] Status start(const std::function<Result<std::string>()>& work);
    [[nodiscard]] bool is_running() const { return child_ != 0; }
    // How it ended, once; nothing: it runs, or there is none.
    [[nodiscard]] std::optional<Outcome> take();
    // The same, and waits for it. Nothing: it takes longer, or there is none.
    [[nodiscard]] std::optional<Outcome> wait(Duration patience);

  private:
    pid_t child_ = 0;  // 0: none
    UniqueFd ended_;   // its pidfd
    UniqueFd answer_;  // a pipe
};

}  // namespace warren::stacks
