// Has every configuration that comes into force kept in the history (history/store.h).
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "config/generation.h"
#include "history/revisions.h"
#include "stacks/host/disk_task.h"

namespace warren::stacks {

// A child process writes, so an apply waits for no disk; what cannot be written is a problem and prevents nothing. One
// thread.
class HistoryKeeper {
  public:
    // How many revisions may wait for a disk; of more, the oldest are not kept.
    static constexpr std::size_t kMostWaiting = 16;
    static constexpr Duration kRetryPause = std::chrono::seconds(60);

    // "": nothing is kept.
    explicit HistoryKeeper(std::string state_dir) : state_dir_(std::move(state_dir)) {}

    [[nodiscard]] bool is_on() const { return !state_dir_.empty(); }
    // `generation` came into force.
    void keep(const config::Generation& generation, const history::Origin& origin, std::vector<history::Detail> details,
              Instant now);
    // Looks how the last writing ended, and begins the next one. One that failed is tried again after kRetryPause, or
    // when a newer revision comes.
    void run(Instant now);
    // When run() has something to do, apart from the end of a writing.
    [[nodiscard]] Instant next_deadline() const { return task_.is_running() || waiting_.empty() ? kNever : start_at_; }
    // The revision in force; nothing: it is not written yet, or there is none.
    [[nodiscard]] std::optional<std::uint64_t> in_force() const {
        return waiting_.empty() && last_ != 0 ? std::optional(last_) : std::nullopt;
    }
    // Waits at most `patience` in all until everything is written. The number of the last revision, which is in force
    // then.
    [[nodiscard]] Result<std::uint64_t> settle(Duration patience, Instant now);
    // So many wait for the disk that some might not be kept: what can wait does.
    [[nodiscard]] bool is_behind() const { return waiting_.size() >= kMostWaiting / 2; }
    // Why a revision is not kept; "": all are.
    [[nodiscard]] const std::string& problem() const { return problem_; }

  private:
    struct Waiting {
        config::Generation generation;
        WallTime time{};
        history::Origin origin;
        std::vector<history::Detail> details;
    };
    void start(Instant now);
    void note(const DiskTask::Outcome& outcome, Instant now);

    std::string state_dir_;
    std::deque<Waiting> waiting_;  // the first one is being written, if one is
    DiskTask task_;
    Instant start_at_{};  // not before
    std::uint64_t last_ = 0;
    std::string problem_;
};

}  // namespace warren::stacks
