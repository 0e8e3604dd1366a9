// A configuration in force that waits for `vpnctl confirm`; without it, the last confirmed revision comes back.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "base/time.h"
#include "config/texts.h"
#include "history/unconfirmed.h"
#include "stacks/host/disk_task.h"

namespace warren::stacks {

// STATE_DIR/history/unconfirmed, so that neither the end of stackd nor that of the machine lets an unconfirmed
// configuration stay. One thread. Times are those of CLOCK_BOOTTIME.
class Confirmation {
  public:
    static constexpr Duration kPatience = std::chrono::seconds(5);  // for a disk, while nothing else is served
    static constexpr Duration kRetryPause = std::chrono::seconds(60);

    // "" as `state_dir`: nothing can wait.
    Confirmation(std::string state_dir, std::string config_directory)
        : state_dir_(std::move(state_dir)), config_directory_(std::move(config_directory)) {}

    // Reads what an earlier stackd left.
    void open();
    [[nodiscard]] const std::optional<history::Unconfirmed>& waiting() const { return waiting_; }
    // The base is to come back.
    [[nodiscard]] bool is_due() const;
    [[nodiscard]] Duration left() const;
    // Of an `apply --confirm-within`, before it: `newest` is in force now. On an error all is as before.
    [[nodiscard]] Status begin(std::uint64_t newest, Duration within);
    // What waited before that apply, which failed.
    [[nodiscard]] Status put_back(const std::optional<history::Unconfirmed>& before);
    // The configuration in force stays.
    [[nodiscard]] Status confirm();

    // The texts of the base.
    [[nodiscard]] Result<config::Texts> base_texts() const;
    // They are in force again: their files are written, and then nothing waits any more.
    void returned(config::Texts texts);
    // They cannot come into force; later again.
    void failed(const std::string& reason);

    void run();
    // From now on; a very long time: there is nothing to do.
    [[nodiscard]] Duration next_pause() const;
    // For people, without a countdown; "": nothing waits.
    [[nodiscard]] std::string problem() const;

  private:
    [[nodiscard]] Status write(const std::optional<history::Unconfirmed>& next);
    [[nodiscard]] Status start_writing(const std::optional<history::Unconfirmed>& next);
    void write_files();

    std::string state_dir_;
    std::string config_directory_;
    std::optional<history::Unconfirmed> waiting_;
    std::shared_ptr<const config::Texts> texts_;  // of the base, while its files are being written
    DiskTask task_;
    bool writes_files_ = false;  // the task; else it writes `waiting_`
    bool is_stale_ = false;      // a task that took too long writes what is not so
    Instant retry_at_{};
    std::string failure_;
};

}  // namespace warren::stacks
