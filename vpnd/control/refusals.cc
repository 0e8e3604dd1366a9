#include "vpnd/control/refusals.h"

#include <algorithm>
#include <utility>

namespace warren::control {

Refusals::OfReason& Refusals::of(DropReason reason, bool are_claims) {
    const auto is_it = [&](const OfReason& each) { return each.reason == reason && each.are_claims == are_claims; };
    const auto found = std::find_if(by_reason_.begin(), by_reason_.end(), is_it);
    if (found != by_reason_.end()) return *found;
    OfReason& fresh = by_reason_.emplace_back();
    fresh.reason = reason;
    fresh.are_claims = are_claims;
    return fresh;
}

void Refusals::note(Now now, DropReason reason, const Endpoint& from, std::string_view who, PeerIndex peer) {
    OfReason& all = of(reason, peer.valid());
    const auto is_it = [&](const Known& each) {
        return each.refusal.from.address == from.address && each.refusal.who == who;
    };
    for (OfReason& others : by_reason_) {  // what it claims may have come to mean a peer, or no longer does
        if (others.reason == reason && &others != &all) std::erase_if(others.known, is_it);
    }
    auto found = std::find_if(all.known.begin(), all.known.end(), is_it);
    if (found == all.known.end()) {
        const Known fresh{{reason, from, std::string(who), 0, now.wall, now.wall, now.instant, {}}};
        if (all.known.size() < kOfReason) {
            found = all.known.insert(all.known.end(), fresh);
        } else {
            const auto is_older = [](const Known& a, const Known& b) { return a.refusal.heard < b.refusal.heard; };
            found = std::min_element(all.known.begin(), all.known.end(), is_older);
            if (found->told == kLongAgo && !found->is_counted) ++all.suppressed;
            *found = fresh;
        }
    }
    found->refusal.from = from;
    found->refusal.last = now.wall;
    found->refusal.heard = now.instant;
    found->refusal.peer = peer;
    ++found->refusal.messages;
    found->is_news = true;
    has_news_ = true;
}

void Refusals::forget(PeerIndex peer) {
    for (OfReason& all : by_reason_) {
        for (Known& each : all.known) {
            if (each.refusal.peer == peer) each.refusal.peer = {};
        }
    }
}

std::vector<Refusal> Refusals::all() const {
    std::vector<Refusal> out;
    for (const OfReason& all : by_reason_) {
        for (const Known& each : all.known) out.push_back(each.refusal);
    }
    return out;
}

std::vector<Refusals::Told> Refusals::tell(Instant now, std::size_t most) {
    std::vector<Told> out;
    if (!std::exchange(has_news_, false)) return out;
    for (OfReason& all : by_reason_) {
        for (Known& each : all.known) {
            if (!each.is_news || now - each.told < kToldAgain) continue;
            if (out.size() == most) {
                has_news_ = true;
                return out;
            }
            each.is_news = false;
            if (now - all.since >= kToldPeriod) {
                all.since = now;
                all.told = 0;
            }
            if (all.told == kToldOfReason) {
                if (!std::exchange(each.is_counted, true)) ++all.suppressed;
                continue;
            }
            ++all.told;
            each.told = now;
            each.is_counted = false;
            out.push_back({each.refusal, std::exchange(all.suppressed, 0)});
        }
    }
    return out;
}

}  // namespace warren::control
