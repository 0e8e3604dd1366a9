// What vpnd keeps of peers lives in the run-dir, which a reboot empties: a copy on disk outlives it.
#pragma once

#include <sys/types.h>

#include <string>

#include "base/fd.h"
#include "base/result.h"
#include "base/time.h"

namespace warren::stacks {

// Copies RUN_DIR/timestamps, RUN_DIR/peers and the files in RUN_DIR/usage to the state directory, seldom and in one
// piece each, in a child process: nothing waits for a disk that is slow or hangs. A full disk keeps the last copy that
// was complete. One thread.
class StateCopy {
  public:
    static constexpr Duration kInterval = std::chrono::minutes(5);

    // `state_dir` is made (0700) when it is missing. "": nothing is copied.
    StateCopy(std::string run_dir, std::string state_dir)
        : run_dir_(std::move(run_dir)), state_dir_(std::move(state_dir)) {}

    // Copies back what the run-dir does not have, usage apart (open_usage()). Before vpnd gets the files.
    void restore() const;
    // Starts a copy when one is due, and looks how the last one ended.
    void run(Instant now);
    [[nodiscard]] Instant next_deadline() const { return state_dir_.empty() ? kNever : due_; }
    // A last copy: after vpnd has ended. Returns when it is there, or after `patience`.
    void finish(Duration patience);

  private:
    void start();
    // False: it still runs.
    [[nodiscard]] bool reap();

    std::string run_dir_;
    std::string state_dir_;
    Instant due_ = kLongAgo;
    pid_t child_ = 0;  // 0: none
    UniqueFd ended_;   // its pidfd
    bool has_failed_ = false;
};

// `from` to `to`, by a file beside it: `to` is the old one or the new one, whole. Holes stay holes. Fails when `from`
// is no regular file or larger than 128 MB: another program writes it. `has_records`: of usage, each of which is copied
// whole.
[[nodiscard]] Status copy_file(const std::string& from, const std::string& to, bool has_records = false);

}  // namespace warren::stacks
