#include "alerts/model/alert.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

namespace warren::alerts {

std::string_view name_of(AlertState state) {
    switch (state) {
        case AlertState::kProblem: return "problem";
        case AlertState::kResolved: return "resolved";
        case AlertState::kEvent: return "event";
    }
    return "";
}

std::string_view name_of(Severity severity) {
    switch (severity) {
        case Severity::kInfo: return "info";
        case Severity::kWarning: return "warning";
        case Severity::kCritical: return "critical";
    }
    return "";
}

std::string length_text(Duration length) {
    const std::int64_t seconds =
        std::max<std::int64_t>(std::chrono::duration_cast<std::chrono::seconds>(length).count(), 0);
    const std::int64_t minutes = seconds / 60;
    const std::int64_t hours = minutes / 60;
    if (seconds < 60) return fmt::format("{} s", seconds);
    if (minutes < 60) return fmt::format("{} min", minutes);
    if (hours < 48)
        return minutes % 60 == 0 ? fmt::format("{} h", hours) : fmt::format("{} h {} min", hours, minutes % 60);
    return fmt::format("{} days", hours / 24);
}

}  // namespace warren::alerts
