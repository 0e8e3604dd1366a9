#include "alerts/model/book.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace warren::alerts {

namespace {

std::string text_of(const Condition& condition) {
    return condition.text.substr(0, Alert::kMostText);
}

// Whether somebody who was told of it must be told again.
bool is_news(const Book::Open& told, const Condition& condition) {
    return condition.severity > told.severity || (condition.is_occasion && text_of(condition) != told.text);
}

}  // namespace

// Microseconds, so that they increase also where nothing was kept.
std::uint64_t Book::next_id(WallTime now) {
    const auto time = static_cast<std::uint64_t>(std::max<std::int64_t>(now.nanoseconds / 1000, 0));
    kept_.last_id = std::max(kept_.last_id + 1, time);
    return kept_.last_id;
}

std::vector<Alert> Book::update(Now now, const Conditions& conditions, const std::set<Witness>& heard,
                                const Roll* roll) {
    std::vector<Alert> out;
    for (auto at = kept_.open.begin(); at != kept_.open.end();) {
        const auto& [subject, open] = *at;
        if (conditions.contains(subject) || !heard.contains(witness_of(subject.kind))) {
            ++at;
            continue;
        }
        if (tells_of_end(subject.kind)) {
            const auto began = began_.find(subject);
            const Duration length = began == began_.end() ? Duration(now.wall.nanoseconds - open.since.nanoseconds)
                                                          : now.instant - began->second;
            out.push_back({next_id(now.wall), AlertState::kResolved, Severity::kInfo, subject,
                           fmt::format("{}, after {}.", end_text(subject, roll, now.instant), length_text(length)),
                           open.since, now.wall});
        }
        began_.erase(subject);
        at = kept_.open.erase(at);
    }
    std::erase_if(seen_, [&](const auto& entry) {
        return !conditions.contains(entry.first) && heard.contains(witness_of(entry.first.kind));
    });
    for (const auto& [subject, condition] : conditions) {
        const auto open = kept_.open.find(subject);
        if (open != kept_.open.end() && !is_news(open->second, condition)) {
            seen_.erase(subject);
            continue;
        }
        const Instant first = seen_.try_emplace(subject, now.instant).first->second;
        const Duration seen = now.instant - first;
        const Duration lasted = condition.since ? now.instant - *condition.since : seen;
        const std::size_t room = witness_of(subject.kind) == Witness::kVpnd ? 0 : kRoomForOthers;
        if (seen < kSettle || (open == kept_.open.end() && kept_.open.size() >= kMostConditions + room)) continue;
        if (now.instant < condition.not_before) continue;
        if (seen < condition.patience && lasted < condition.patience) continue;
        const bool is_worse = open != kept_.open.end() && !condition.is_occasion;
        const WallTime since = is_worse ? open->second.since : WallTime{now.wall.nanoseconds - lasted.count()};
        const std::string text = text_of(condition);
        if (!is_worse) began_[subject] = now.instant - lasted;
        seen_.erase(subject);
        kept_.open[subject] = {condition.severity, text, since, now.wall};
        out.push_back({next_id(now.wall), AlertState::kProblem, condition.severity, subject, text, since, now.wall});
    }
    return out;
}

std::vector<Alert> Book::happened(WallTime now, const std::vector<Event>& latest) {
    std::vector<Alert> out;
    // Which, not how late: the clock of a machine that starts may be years ahead.
    std::set<WallTime> events;
    for (const Event& event : latest) {
        events.insert(event.at);
        if (kept_.events.contains(event.at)) continue;
        out.push_back({next_id(now), AlertState::kEvent, event.severity, event.subject,
                       event.text.substr(0, Alert::kMostText), event.at, now});
    }
    kept_.events = std::move(events);
    return out;
}

Alert Book::test(WallTime now) {
    return {next_id(now),
            AlertState::kEvent,
            Severity::kInfo,
            Subject{"test", "", ""},
            "A test: somebody ran `vpnctl alert test`.",
            now,
            now};
}

}  // namespace warren::alerts
