// The file of the month in which vpnd counts what customers use.
#include <algorithm>
#include <utility>

#include "base/clock.h"
#include "base/log.h"
#include "stacks/host/usage_files.h"
#include "stacks/supervisor.h"

namespace warren::stacks {

namespace {

// The wall clock may jump.
constexpr Duration kLookInterval = std::chrono::minutes(1);
constexpr Duration kRetry = std::chrono::seconds(10);

}  // namespace

void Supervisor::pass_usage(VpndLink& link) {
    if (now() < usage_at_ || !link.is_connected()) return;
    const WallTime wall = read_wall_clock();
    const Month month = month_of(wall);
    const Duration left(beginning_of(next_month(month)).nanoseconds - wall.nanoseconds);
    usage_at_ = now() + std::min(kLookInterval, left);
    if (month == usage_month_) return;
    remove_old_usage(run_dir_.path(), month);
    const auto file = open_usage(run_dir_.path(), options_.state_dir, month);
    if (!file) {
        usage_at_ = now() + kRetry;
        if (!std::exchange(usage_has_failed_, true))
            log(LogLevel::kWarn, "usage_not_kept", {{"reason", file.error().what}, {"counting", "goes on in memory"}});
        return;
    }
    usage_has_failed_ = false;
    if (!link.pass(ipc::PutUsageFile{month}, {file->get()})) return link.close();
    usage_month_ = month;
}

}  // namespace warren::stacks
