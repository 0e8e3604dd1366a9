// A configuration in force that waits for `vpnctl confirm`; without it, the last confirmed revision comes back.
#pragma once

#include <chrono>
#include <cstdint>
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

    // "" as `state_dir`: nothing can wait. `boot`: another one after each start of the machine; "": it is not known.
    Confirmation(std::string state_dir, std::string config_directory, std::string boot = this_boot())
        : state_dir_(std::move(state_dir)), config_directory_(std::move(config_directory)), boot_(std::move(boot)) {}
    // The kernel's boot_id; "": it cannot be read.
    [[nodiscard]] static std::string this_boot();

    // Reads what an earlier stackd left.
    void open();
    [[nodiscard]] const std::optional<history::Unconfirmed>& waiting() const { return waiting_; }
    // The base is to come back.
    [[nodiscard]] bool is_due() const;
    [[nodiscard]] Duration left() const;
    // Of an `apply --confirm-within`, before it: `newest` is in force now. On an error all is as before: also where the
    // base could not come back, as the history does not have all its texts. A file that was written all the same is
    // written anew by run().
    [[nodiscard]] Status begin(std::uint64_t newest, Duration within);
    // What waited before that apply, which failed.
    [[nodiscard]] Status put_back(const std::optional<history::Unconfirmed>& before);
    // The configuration in force stays.
    [[nodiscard]] Status confirm();

    // The texts of the base.
    [[nodiscard]] Result<config::Texts> base_texts() const;
    // Somebody asked for the base before its time was over: from now on it is over, also for the next stackd.
    [[nodiscard]] Status begin_return();
    // They are in force again: their files are written, and then nothing waits any more.
    void returned(config::Texts texts);
    // The base is in force again, and its files are not written yet.
    [[nodiscard]] bool is_writing_files() const { return texts_ != nullptr; }
    // They cannot come into force; later again.
    void failed(const std::string& reason);

    void run();
    // From now on; a very long time: there is nothing to do.
    [[nodiscard]] Duration next_pause() const;
    // For people, without a countdown; "": nothing waits.
    [[nodiscard]] std::string problem() const;
    // Why it is not known whether something waited; "": it is.
    [[nodiscard]] const std::string& damage() const { return damage_; }

  private:
    enum class Work : std::uint8_t { kWrite, kRewrite, kFiles };

    [[nodiscard]] Status write(const std::optional<history::Unconfirmed>& next, bool checks_base = false);
    [[nodiscard]] Status start_writing(const std::optional<history::Unconfirmed>& next, Work work, bool checks_base);
    void write_files();
    void note(const DiskTask::Outcome& outcome);

    std::string state_dir_;
    std::string config_directory_;
    std::string boot_;
    std::optional<history::Unconfirmed> waiting_;
    std::shared_ptr<const config::Texts> texts_;  // of the base, while its files are being written
    DiskTask task_;
    Work work_ = Work::kWrite;  // of the task
    bool is_stale_ = false;     // the file may say what is not so: a task failed in the middle, or took too long
    Instant rewrite_at_{};      // where it is stale
    Instant retry_at_{};
    std::string failure_;
    std::string damage_;
};

}  // namespace warren::stacks
