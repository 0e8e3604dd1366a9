#include "stacks/confirmation.h"

#include <sys/stat.h>

#include <algorithm>
#include <ctime>
#include <fstream>
#include <utility>

#include "base/log.h"
#include "base/utc_text.h"
#include "history/disk.h"
#include "history/store.h"
#include "history/write_back.h"

namespace warren::stacks {

namespace {

Instant boot_clock() {
    timespec now{};
    ::clock_gettime(CLOCK_BOOTTIME, &now);
    return {std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec};
}

WallTime wall_clock() {
    timespec now{};
    ::clock_gettime(CLOCK_REALTIME, &now);
    return {std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec};
}

// Another one after each start of the machine.
std::string boot_id() {
    std::ifstream file("/proc/sys/kernel/random/boot_id");
    std::string out;
    std::getline(file, out);
    return out;
}

}  // namespace

void Confirmation::open() {
    if (state_dir_.empty()) return;
    const history::DirectoryDisk disk(history::directory_of(state_dir_));
    const auto text = disk.read(history::kUnconfirmedFile);
    if (!text && text.error().code == ErrorCode::kNotFound) return;
    auto found =
        text ? history::decode_unconfirmed(*text) : Result<history::Unconfirmed>(tl::unexpected<Error>(text.error()));
    if (!found) {
        log(LogLevel::kError, "unconfirmed_ignored", {{"reason", found.error().what}});
        return;
    }
    waiting_ = std::move(*found);
    log(LogLevel::kWarn, "configuration_unconfirmed",
        {{"base", std::to_string(waiting_->base)}, {"left", history::text_of(left())}});
}

bool Confirmation::is_due() const {
    if (!waiting_ || texts_ != nullptr || task_.is_running() || boot_clock() < retry_at_) return false;
    return history::is_over(*waiting_, boot_id(), boot_clock());
}

Duration Confirmation::left() const {
    if (!waiting_ || waiting_->is_returned || waiting_->boot != boot_id()) return Duration(0);
    return std::max(Duration(0), waiting_->deadline - boot_clock());
}

Status Confirmation::begin(std::uint64_t newest, Duration within) {
    WARREN_TRY(write(history::extended(waiting_, newest, boot_clock(), wall_clock(), within, boot_id())));
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

Status Confirmation::write(const std::optional<history::Unconfirmed>& next) {
    if (task_.is_running()) return fail(ErrorCode::kUnavailable, "the files are being written back; try again");
    WARREN_TRY(start_writing(next));
    const auto outcome = task_.wait(kPatience);
    is_stale_ = !outcome;
    if (!outcome) return fail(ErrorCode::kUnavailable, "the disk does not answer");
    if (!outcome->succeeded) return fail(ErrorCode::kFailed, outcome->text);
    waiting_ = next;
    failure_.clear();
    texts_.reset();
    retry_at_ = {};
    return {};
}

Status Confirmation::start_writing(const std::optional<history::Unconfirmed>& next) {
    writes_files_ = false;
    return task_.start([&]() -> Result<std::string> {
        (void)::mkdir(state_dir_.c_str(), 0700);
        history::DirectoryDisk disk(history::directory_of(state_dir_));
        WARREN_TRY(disk.make_directory(""));
        history::Store store(disk);
        WARREN_TRY(next ? store.put(history::kUnconfirmedFile, history::encode(*next))
                        : store.remove(history::kUnconfirmedFile));
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
    write_files();
}

void Confirmation::failed(const std::string& reason) {
    failure_ = reason;
    retry_at_ = boot_clock() + kRetryPause;
}

void Confirmation::write_files() {
    writes_files_ = true;
    const Status started = task_.start([this]() -> Result<std::string> {
        history::DirectoryDisk disk(history::directory_of(state_dir_));
        history::Store store(disk);
        // Where that fails, its time is over all the same.
        (void)store.put(history::kUnconfirmedFile, history::encode(*waiting_));
        const auto written =
            history::write_back({config_directory_, texts_.get(), "",
                                 [&store](std::string_view text) {
                                     return store.text({history::hash_of(text), text.size()}).has_value();
                                 },
                                 history::kept_tag()});
        if (!written) return tl::unexpected<Error>(written.error());
        WARREN_TRY(store.remove(history::kUnconfirmedFile));
        std::string kept;
        for (const std::string& path : written->kept) kept += (kept.empty() ? "" : " ") + path;
        return kept;
    });
    if (!started) failed(started.error().what);
}

void Confirmation::run() {
    if (const auto outcome = task_.take()) {
        if (!writes_files_) {
            if (std::exchange(is_stale_, false)) (void)start_writing(waiting_);
            return;
        }
        if (outcome->succeeded) {
            log(LogLevel::kInfo, "files_written_back", {{"kept", outcome->text}});
            waiting_.reset();
            texts_.reset();
            failure_.clear();
            return;
        }
        log(LogLevel::kError, "files_not_written_back", {{"reason", outcome->text}});
        failed(outcome->text);
    }
    if (texts_ != nullptr && !task_.is_running() && boot_clock() >= retry_at_) write_files();
}

Duration Confirmation::next_pause() const {
    if (!waiting_) return std::chrono::hours(24);
    if (task_.is_running()) return std::chrono::milliseconds(200);
    return std::max(left(), retry_at_ - boot_clock());
}

std::string Confirmation::problem() const {
    if (!waiting_) return {};
    const std::string base = "revision " + std::to_string(waiting_->base);
    if (texts_ != nullptr && failure_.empty()) return base + " is in force again, and its files are being written";
    if (texts_ != nullptr)
        return base + " is in force again, but its files cannot be written: " + failure_ +
               "; Warren retries, and `vpnctl confirm` leaves the files as they are";
    if (!failure_.empty()) return base + " cannot come back: " + failure_ + "; Warren retries";
    return base + " comes back at " + utc_text(waiting_->shown) + " unless `vpnctl confirm` comes";
}

}  // namespace warren::stacks
