// The configuration that was in force last, in the state directory: what a start uses when warren.toml has errors.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "base/fd.h"
#include "base/result.h"
#include "base/time.h"
#include "config/generation.h"
#include "config/texts.h"

namespace warren::stacks {

// STATE_DIR/last-good: warren.toml and the customers' files as one, without any secret; root only (0600). A child
// process writes it, so that nothing waits for a disk that is slow or hangs. One thread. Where the new one cannot be
// written the old one is removed: it may have peers that were revoked since. It stays until the next attempt when the
// process is killed or cannot be started.
class LastGood {
  public:
    // "": nothing is kept.
    explicit LastGood(std::string state_dir) : state_dir_(std::move(state_dir)) {}

    // Nothing when there is none or when it cannot be used; then the log says why.
    [[nodiscard]] std::optional<config::PackedTexts> read() const;
    static constexpr Duration kRetryPause = std::chrono::seconds(60);

    // `generation` came into force. It is kept now, or by run() when an earlier one is still being written.
    void keep(const config::Generation& generation, Instant now);
    // Looks how the last writing ended; one that failed is tried again after kRetryPause. `generation` is in force.
    void run(const config::Generation& generation, Instant now);
    // When run() has something to do, apart from the end of a writing.
    [[nodiscard]] Instant next_deadline() const { return is_due_ && child_ == 0 ? start_at_ : kNever; }
    // Returns when everything is written, or when a writing takes longer than `patience`. What could not be written, by
    // one that runs either, is tried once more.
    void finish(const config::Generation& generation, Duration patience, Instant now);

  private:
    void start(const config::Generation& generation, Instant now);
    // False: it still runs.
    [[nodiscard]] bool reap(Instant now);
    [[nodiscard]] bool await_end(Duration patience) const;
    void try_again(Instant now);

    std::string state_dir_;
    bool is_due_ = false;
    Instant start_at_{};  // not before
    pid_t child_ = 0;     // 0: none
    UniqueFd ended_;      // its pidfd
    UniqueFd reason_;     // a pipe: why it failed
};

}  // namespace warren::stacks
