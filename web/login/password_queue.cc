#include "web/login/password_queue.h"

#include <algorithm>

namespace warren::web {

std::optional<PasswordQueue::Ticket> PasswordQueue::add(const Entry& entry) {
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
    const auto best = std::min_element(entries_.begin(), entries_.end(),
                                       [](const Entry& a, const Entry& b) { return a.rank < b.rank; });
    if (best == entries_.end()) return std::nullopt;
    const Ticket ticket = best->ticket;
    entries_.erase(best);
    return ticket;
}

void PasswordQueue::remove(Ticket ticket) {
    std::erase_if(entries_, [ticket](const Entry& entry) { return entry.ticket == ticket; });
}

}  // namespace warren::web
