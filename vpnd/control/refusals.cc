#include "vpnd/control/refusals.h"

#include <algorithm>
#include <utility>

namespace warren::control {

void Refusals::note(WallTime now, DropReason reason, const Endpoint& from, std::string_view who, PeerIndex peer) {
    std::vector<Known>& known = by_reason_.at(static_cast<std::size_t>(reason));
    const auto is_it = [&](const Known& each) {
        return each.refusal.from.address == from.address && each.refusal.who == who;
    };
    auto found = std::find_if(known.begin(), known.end(), is_it);
    if (found == known.end()) {
        const Known fresh{{reason, from, std::string(who), 0, now, now, {}}};
        if (known.size() < kOfReason) {
            found = known.insert(known.end(), fresh);
        } else {
            found = std::min_element(known.begin(), known.end(),
                                     [](const Known& a, const Known& b) { return a.refusal.last < b.refusal.last; });
            if (found->told == kLongAgo && !found->is_counted) ++gates_.at(static_cast<std::size_t>(reason)).suppressed;
            *found = fresh;
        }
    }
    found->refusal.from = from;
    found->refusal.last = now;
    found->refusal.peer = peer;
    ++found->refusal.messages;
    found->is_news = true;
    has_news_ = true;
}

void Refusals::forget(PeerIndex peer) {
    for (auto& known : by_reason_) {
        for (Known& each : known) {
            if (each.refusal.peer == peer) each.refusal.peer = {};
        }
    }
}

std::vector<Refusal> Refusals::all() const {
    std::vector<Refusal> out;
    for (const auto& known : by_reason_) {
        for (const Known& each : known) out.push_back(each.refusal);
    }
    return out;
}

std::vector<Refusals::Told> Refusals::tell(Instant now, std::size_t most) {
    std::vector<Told> out;
    if (!std::exchange(has_news_, false)) return out;
    for (std::size_t reason = 0; reason < by_reason_.size(); ++reason) {
        Gate& gate = gates_.at(reason);
        for (Known& known : by_reason_.at(reason)) {
            if (!known.is_news || now - known.told < kToldAgain) continue;
            if (out.size() == most) {
                has_news_ = true;
                return out;
            }
            known.is_news = false;
            if (now - gate.since >= kToldPeriod) gate = {now, 0, gate.suppressed};
            if (gate.told == kToldOfReason) {
                if (!std::exchange(known.is_counted, true)) ++gate.suppressed;
                continue;
            }
            ++gate.told;
            known.told = now;
            known.is_counted = false;
            out.push_back({known.refusal, std::exchange(gate.suppressed, 0)});
        }
    }
    return out;
}

}  // namespace warren::control
