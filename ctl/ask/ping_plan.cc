#include "ctl/ask/ping_plan.h"

namespace warren::ctl {

bool PingPlan::is_open(std::size_t number) const {
    const Ping& ping = pings_[number];
    if (ping.answered || states_[number].is_unsendable || states_[number].tries == kTries) return false;
    return !ping.after || pings_[*ping.after].answered;
}

std::optional<std::size_t> PingPlan::due(Time now) const {
    std::size_t bytes = 0;
    std::size_t count = 0;
    for (std::size_t i = 0; i < pings_.size(); ++i) {
        if (pings_[i].answered || !is_on_its_way(i, now)) continue;
        bytes += pings_[i].bytes;
        ++count;
    }
    if (count >= kMostAtOnce) return std::nullopt;
    for (std::size_t i = 0; i < pings_.size(); ++i) {
        if (is_open(i) && !is_on_its_way(i, now) && bytes + pings_[i].bytes <= kWindow) return i;
    }
    return std::nullopt;
}

void PingPlan::note_sent(std::size_t number, Time now) {
    ++states_[number].tries;
    states_[number].sent = now;
}

void PingPlan::note_answered(std::size_t number) {
    if (number < pings_.size()) pings_[number].answered = true;
}

bool PingPlan::is_over(Time now) const {
    for (std::size_t i = 0; i < pings_.size(); ++i) {
        if (is_open(i) || (!pings_[i].answered && is_on_its_way(i, now))) return false;
    }
    return true;
}

void PingPlan::judge(Time now) {
    for (std::size_t i = 0; i < pings_.size(); ++i)
        pings_[i].is_lost = !pings_[i].answered && states_[i].tries == kTries && !is_on_its_way(i, now);
}

}  // namespace warren::ctl
