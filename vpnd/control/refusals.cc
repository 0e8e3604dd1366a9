#include "vpnd/control/refusals.h"

#include <algorithm>

namespace warren::control {

void Refusals::note(Now now, DropReason reason, const Endpoint& from, std::string_view who) {
    std::vector<Refusal>& known = by_reason_.at(static_cast<std::size_t>(reason));
    auto found = std::find_if(known.begin(), known.end(), [&](const Refusal& refusal) {
        return refusal.from.address == from.address && refusal.who == who;
    });
    if (found == known.end() && known.size() < kOfReason) found = known.insert(known.end(), Refusal{});
    if (found == known.end())
        found = std::min_element(known.begin(), known.end(),
                                 [](const Refusal& a, const Refusal& b) { return a.heard < b.heard; });
    Refusal& refusal = *found;
    if (refusal.messages == 0 || refusal.from.address != from.address || refusal.who != who)
        refusal = {reason, from, std::string(who), 0, now.wall, now.wall, now.instant};
    refusal.from = from;
    refusal.last = now.wall;
    refusal.heard = now.instant;
    ++refusal.messages;
}

std::vector<Refusal> Refusals::all() const {
    std::vector<Refusal> out;
    for (const auto& known : by_reason_) out.insert(out.end(), known.begin(), known.end());
    return out;
}

}  // namespace warren::control
