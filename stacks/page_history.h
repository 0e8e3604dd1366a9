// Keeps a file with the latest revisions for statusd (ipc/web_revisions.h), which cannot read the history itself.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/fd.h"
#include "base/time.h"
#include "stacks/host/disk_task.h"

namespace warren::stacks {

// A child process reads the history and writes the file, so nothing waits for a disk. One thread.
class PageHistory {
  public:
    static constexpr Duration kRetryPause = std::chrono::seconds(60);
    static constexpr Duration kGlance = std::chrono::milliseconds(200);  // at a child that runs

    // `state_dir` "": there is no history. `file`: where it is written; root alone may read it.
    PageHistory(std::string state_dir, std::string file) : state_dir_(std::move(state_dir)), file_(std::move(file)) {}

    // `in_force`: the number of the newest revision; nothing: it is not written yet, or there is none. Makes the file
    // anew when it has no such revision; the numbers of those that are made are counted by made().
    void run(Instant now, std::optional<std::uint64_t> in_force);
    // When run() has something to do.
    [[nodiscard]] Instant next_deadline(Instant now) const { return task_.is_running() ? now + kGlance : start_at_; }
    // Differs whenever open() has something else.
    [[nodiscard]] std::uint64_t made() const { return made_; }
    // For reading. Invalid: there is none that has the revision in force. An older one would say that an id is whose it
    // was before.
    [[nodiscard]] UniqueFd open() const;
    // Why there is none; "": it is there, or there is no history.
    [[nodiscard]] std::string problem() const;

  private:
    void make(Instant now, std::optional<std::uint64_t> in_force);

    std::string state_dir_;
    std::string file_;
    DiskTask task_;
    std::uint64_t wanted_ = 0;  // the revision that the child reads up to
    std::uint64_t shown_ = 0;   // that the file has
    bool is_latest_ = false;    // that is the one in force
    Instant start_at_ = kNever;
    std::uint64_t made_ = 0;
    std::string problem_;
};

}  // namespace warren::stacks
