#include "stacks/host/watchdog.h"

#include <unistd.h>

#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <optional>

#include "stacks/host/notify.h"

namespace warren::stacks {

namespace {

std::optional<std::int64_t> number(const char* text) {
    std::int64_t out = 0;
    const char* end = text + std::strlen(text);
    const auto read = std::from_chars(text, end, out);
    if (read.ec != std::errc() || read.ptr != end) return std::nullopt;
    return out;
}

}  // namespace

Watchdog::Watchdog()
    : interval_(interval_of(std::getenv("WATCHDOG_USEC"), std::getenv("WATCHDOG_PID"), ::getpid())),
      next_(interval_ == Duration(0) ? kNever : Instant{}) {}

Duration Watchdog::interval_of(const char* microseconds, const char* asked_pid, int pid) {
    constexpr std::int64_t kMost = 1'000'000'000'000;  // eleven days
    if (microseconds == nullptr || (asked_pid != nullptr && number(asked_pid) != pid)) return Duration(0);
    const auto silence = number(microseconds);
    if (!silence || *silence <= 0 || *silence > kMost) return Duration(0);
    return std::chrono::microseconds(*silence) / 2;
}

void Watchdog::feed(Instant now) {
    if (now < next_) return;
    notify("WATCHDOG=1");
    next_ = now + interval_;
}

}  // namespace warren::stacks
