#include "stacks/history_keeper.h"

#include <sys/stat.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <utility>

#include "base/clock.h"
#include "base/log.h"
#include "config/named_secrets.h"
#include "history/disk.h"
#include "history/store.h"

namespace warren::stacks {

namespace {

config::Generation copy_of(const config::Generation& generation) {
    return {generation.appliance, generation.secrets.only(config::secrets_of(generation.appliance)), generation.text,
            generation.customers};
}

std::uint64_t number_of(const std::string& text) {
    std::uint64_t out = 0;
    (void)std::from_chars(text.data(), text.data() + text.size(), out);
    return out;
}

}  // namespace

void HistoryKeeper::keep(const config::Generation& generation, const history::Origin& origin,
                         std::vector<history::Detail> details, Instant now) {
    if (!is_on()) return;
    if (waiting_.size() >= kMostWaiting) {
        log(LogLevel::kWarn, "revision_not_kept", {{"reason", "many wait for the disk"}});
        waiting_.erase(waiting_.begin() + (task_.is_running() ? 1 : 0));
    }
    waiting_.push_back({copy_of(generation), read_wall_clock(), origin, std::move(details)});
    start_at_ = now;
    run(now);
}

void HistoryKeeper::run(Instant now) {
    if (const auto outcome = task_.take()) note(*outcome, now);
    if (!task_.is_running() && !waiting_.empty() && now >= start_at_) start(now);
}

void HistoryKeeper::start(Instant now) {
    const Waiting& next = waiting_.front();
    const Status started = task_.start([&]() -> Result<std::string> {
        (void)::mkdir(state_dir_.c_str(), 0700);
        const std::string directory = history::directory_of(state_dir_);
        const auto lock = history::lock_store(directory);
        if (!lock) return tl::unexpected<Error>(lock.error());
        history::DirectoryDisk disk(directory);
        const auto number = history::Store(disk).record(next.generation, next.time, next.origin, next.details);
        if (!number) return tl::unexpected<Error>(number.error());
        return std::to_string(*number);
    });
    if (!started) note({false, started.error().what}, now);
}

void HistoryKeeper::note(const DiskTask::Outcome& outcome, Instant now) {
    if (outcome.succeeded) {
        last_ = number_of(outcome.text);
        problem_.clear();
        waiting_.pop_front();
        return;
    }
    problem_ = outcome.text;
    start_at_ = now + kRetryPause;
    log(LogLevel::kWarn, "revision_not_kept", {{"reason", outcome.text}});
}

Result<std::uint64_t> HistoryKeeper::settle(Duration patience, Instant now) {
    if (!is_on()) return fail(ErrorCode::kUnsupported, "stackd has no state directory (--state-dir), and no history");
    const auto end = std::chrono::steady_clock::now() + patience;
    while (!waiting_.empty()) {
        if (!task_.is_running()) start(now);
        if (!task_.is_running()) break;
        const auto outcome = task_.wait(std::max<Duration>(end - std::chrono::steady_clock::now(), Duration(0)));
        if (!outcome) return fail(ErrorCode::kUnavailable, "the disk does not answer; the history is not written");
        note(*outcome, now);
        if (!outcome->succeeded) break;
    }
    if (!problem_.empty()) return fail(ErrorCode::kFailed, "the history cannot be written: " + problem_);
    if (last_ == 0) return fail(ErrorCode::kFailed, "there is no revision yet");
    return last_;
}

}  // namespace warren::stacks
