#include "stacks/confirmation.h"

#include <sys/stat.h>

#include <algorithm>
#include <fstream>
#include <utility>

#include "base/clock.h"
#include "base/log.h"
#include "base/utc_text.h"
#include "history/disk.h"
#include "history/store.h"
#include "history/write_back.h"

namespace warren::stacks {

namespace {

// The store, for one who may write.
struct Writable {
    explicit Writable(const std::string& state_dir) : directory(history::directory_of(state_dir)) {
        (void)::mkdir(state_dir.c_str(), 0700);
    }
    [[nodiscard]] Status write(const std::optional<history::Unconfirmed>& next) {
        const auto lock = history::lock_store(directory);
        if (!lock) return tl::unexpected<Error>(lock.error());
        return next ? store.put(history::kUnconfirmedFile, history::encode(*next))
                    : store.remove(history::kUnconfirmedFile);
    }

    std::string directory;
    history::DirectoryDisk disk{directory};
    history::Store store{disk};
};

}  // namespace

std::string Confirmation::this_boot() {
    std::ifstream file("/proc/sys/kernel/random/boot_id");
    std::string out;
    std::getline(file, out);
    return out;
}

void Confirmation::open() {
    if (state_dir_.empty()) return;
    const history::DirectoryDisk disk(history::directory_of(state_dir_));
    const auto text = disk.read(history::kUnconfirmedFile);
    if (!text && text.error().code == ErrorCode::kNotFound) return;
    auto found =
        text ? history::decode_unconfirmed(*text) : Result<history::Unconfirmed>(tl::unexpected<Error>(text.error()));
    if (!found) {
        damage_ = found.error().what;
        log(LogLevel::kError, "unconfirmed_ignored", {{"reason", damage_}});
        return;
    }
    waiting_ = std::move(*found);
    log(LogLevel::kWarn, "configuration_unconfirmed",
        {{"base", std::to_string(waiting_->base)}, {"left", history::text_of(left())}});
}

bool Confirmation::is_due() const {
    if (!waiting_ || texts_ != nullptr || read_instant() < retry_at_) return false;
    return history::is_over(*waiting_, boot_, read_instant());
}

Duration Confirmation::left() const {
    if (!waiting_ || waiting_->is_returned || waiting_->boot != boot_) return Duration(0);
    return std::max(Duration(0), waiting_->deadline - read_instant());
}

Status Confirmation::begin(std::uint64_t newest, Duration within) {
    if (boot_.empty()) return fail(ErrorCode::kUnavailable, "the kernel's boot_id cannot be read");
    WARREN_TRY(write(history::extended(waiting_, newest, read_instant(), read_wall_clock(), within, boot_), true));
    log(LogLevel::kWarn, "configuration_unconfirmed",
        {{"base", std::to_string(waiting_->base)}, {"left", history::text_of(within)}});
    return {};
}

Status Confirmation::put_back(const std::optional<history::Unconfirmed>& before) {
    return write(before);
}

Status Confirmation::confirm() {
    WARREN_TRY(write(std::nullopt));
    log(LogLevel::kInfo, "configuration_confirmed");
    return {};
}

Status Confirmation::begin_return() {
    history::Unconfirmed next = *waiting_;
    next.is_returned = true;
    return write(next);
}

Status Confirmation::write(const std::optional<history::Unconfirmed>& next, bool checks_base) {
    if (task_.is_running()) return fail(ErrorCode::kUnavailable, "the disk is still busy; try again");
    WARREN_TRY(start_writing(next, Work::kWrite, checks_base));
    const auto outcome = task_.wait(kPatience);
    is_stale_ = !outcome || !outcome->succeeded;
    rewrite_at_ = {};
    if (!outcome) return fail(ErrorCode::kUnavailable, "the disk does not answer");
    if (!outcome->succeeded) return fail(ErrorCode::kFailed, outcome->text);
    waiting_ = next;
    failure_.clear();
    damage_.clear();
    texts_.reset();
    retry_at_ = {};
    return {};
}

Status Confirmation::start_writing(const std::optional<history::Unconfirmed>& next, Work work, bool checks_base) {
    work_ = work;
    return task_.start([&]() -> Result<std::string> {
        Writable writable(state_dir_);
        if (checks_base) WARREN_TRY(writable.store.check(next->base));
        WARREN_TRY(writable.write(next));
        return std::string();
    });
}

Result<config::Texts> Confirmation::base_texts() const {
    history::DirectoryDisk disk(history::directory_of(state_dir_));
    const history::Store store(disk);
    const auto revisions = store.revisions();
    if (!revisions) return tl::unexpected<Error>(revisions.error());
    return store.texts_at(*revisions, waiting_->base);
}

void Confirmation::returned(config::Texts texts) {
    waiting_->is_returned = true;
    texts_ = std::make_shared<const config::Texts>(std::move(texts));
    failure_.clear();
    retry_at_ = {};
    if (!task_.is_running()) write_files();
}

void Confirmation::failed(const std::string& reason) {
    failure_ = reason;
    retry_at_ = read_instant() + kRetryPause;
}

void Confirmation::write_files() {
    work_ = Work::kFiles;
    const Status started = task_.start([this]() -> Result<std::string> {
        Writable writable(state_dir_);
        const history::Store& store = writable.store;
        // Where that fails, its time is over all the same.
        (void)writable.write(waiting_);
        const auto written =
            history::write_back({config_directory_, texts_.get(), "",
                                 [&store](std::string_view text) {
                                     return store.text({history::hash_of(text), text.size()}).has_value();
                                 },
                                 history::kept_tag()});
        if (!written) return tl::unexpected<Error>(written.error());
        WARREN_TRY(writable.write(std::nullopt));
        std::string kept;
        for (const std::string& path : written->kept) kept += (kept.empty() ? "" : " ") + path;
        return kept;
    });
    if (!started) failed(started.error().what);
}

void Confirmation::run() {
    if (const auto outcome = task_.take()) note(*outcome);
    if (task_.is_running()) return;
    if (texts_ != nullptr && read_instant() >= retry_at_) return write_files();
    if (texts_ != nullptr || !is_stale_ || read_instant() < rewrite_at_) return;
    rewrite_at_ = read_instant() + kRetryPause;
    (void)start_writing(waiting_, Work::kRewrite, false);
}

void Confirmation::note(const DiskTask::Outcome& outcome) {
    // One of kWrite took too long here, and has written what is not so.
    if (work_ != Work::kFiles) {
        is_stale_ = work_ == Work::kWrite || !outcome.succeeded;
        return;
    }
    if (!outcome.succeeded) {
        log(LogLevel::kError, "files_not_written_back", {{"reason", outcome.text}});
        return failed(outcome.text);
    }
    log(LogLevel::kInfo, "files_written_back", {{"kept", outcome.text}});
    waiting_.reset();
    texts_.reset();
    failure_.clear();
    is_stale_ = false;
}

Duration Confirmation::next_pause() const {
    Duration out = std::chrono::hours(24);
    const Instant now = read_instant();
    if (waiting_ && texts_ == nullptr) out = std::max(left(), retry_at_ - now);
    if (task_.is_running()) return std::min<Duration>(out, std::chrono::milliseconds(200));
    if (texts_ != nullptr) return retry_at_ - now;
    return is_stale_ ? std::min(out, rewrite_at_ - now) : out;
}

std::string Confirmation::problem() const {
    if (!waiting_) return {};
    const std::string base = "revision " + std::to_string(waiting_->base);
    if (texts_ != nullptr && failure_.empty()) return base + " is in force again, and its files are being written";
    if (texts_ != nullptr)
        return base + " is in force again, but its files cannot be written: " + failure_ +
               "; Warren retries, and `vpnctl confirm` leaves the files as they are";
    if (!failure_.empty()) return base + " cannot come back: " + failure_ + "; Warren retries";
    if (waiting_->is_returned) return base + " comes back now";
    return base + " comes back at " + utc_text(waiting_->shown) + " unless `vpnctl confirm` comes";
}

}  // namespace warren::stacks
