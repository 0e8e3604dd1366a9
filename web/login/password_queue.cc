#include "web/login/password_queue.h"

#include <algorithm>
#include <utility>

namespace warren::web {

namespace {

using Entry = PasswordQueue::Entry;

// Whether they share the place of a user. Strangers who guess at its name elsewhere do not take its place, and nobody
// but the user itself takes that of its devices.
bool share_place(const Entry& a, const Entry& b) {
    const bool is_device = a.rank.trust == LoginRank::Trust::kDevice;
    if (a.user != b.user || is_device != (b.rank.trust == LoginRank::Trust::kDevice)) return false;
    return is_device || a.site == b.site;
}

}  // namespace

std::optional<PasswordQueue::Ticket> PasswordQueue::add(const Entry& entry) {
    const auto same_place = [&entry](const Entry& other) { return share_place(other, entry); };
    const bool is_place_taken = std::any_of(entries_.begin(), entries_.end(), same_place);
    if (is_place_taken || (checked_ && same_place(*checked_))) return entry.ticket;
    const auto same_site = [&entry](const Entry& other) { return other.site == entry.site; };
    const auto of_site = std::count_if(entries_.begin(), entries_.end(), same_site);
    const bool site_is_full = static_cast<std::size_t>(of_site) >= kMaxPerSite;
    if (!site_is_full && entries_.size() < kMax) {
        entries_.push_back(entry);
        return std::nullopt;
    }
    auto last = entries_.end();
    for (auto at = entries_.begin(); at != entries_.end(); ++at) {
        if (site_is_full && !same_site(*at)) continue;
        if (last == entries_.end() || last->rank <= at->rank) last = at;
    }
    if (last->rank <= entry.rank) return entry.ticket;
    const Ticket displaced = last->ticket;
    entries_.erase(last);
    entries_.push_back(entry);
    return displaced;
}

std::optional<PasswordQueue::Ticket> PasswordQueue::take() {
    if (entries_.empty()) return std::nullopt;
    const auto best = std::min_element(entries_.begin(), entries_.end(),
                                       [](const Entry& a, const Entry& b) { return a.rank < b.rank; });
    const auto next = std::exchange(is_oldest_next_, !is_oldest_next_) ? entries_.begin() : best;
    checked_ = std::move(*next);
    entries_.erase(next);
    return checked_->ticket;
}

std::vector<PasswordQueue::Ticket> PasswordQueue::take_late(Instant now) {
    std::vector<Ticket> out;
    const auto is_late = [now](const Entry& entry) { return now - entry.since >= kMaxWait; };
    for (const Entry& entry : entries_) {
        if (is_late(entry)) out.push_back(entry.ticket);
    }
    std::erase_if(entries_, is_late);
    return out;
}

void PasswordQueue::remove(Ticket ticket) {
    std::erase_if(entries_, [ticket](const Entry& entry) { return entry.ticket == ticket; });
}

}  // namespace warren::web
