#include "web/model/outages.h"

#include <algorithm>
#include <utility>

namespace warren::web {

bool tells_of_outages(EventKind kind) {
    switch (kind) {
        case EventKind::kOnline:
        case EventKind::kIdle:
        case EventKind::kUp:
        case EventKind::kDown:
        case EventKind::kPeerDead:
        case EventKind::kExpired:
        case EventKind::kRemoved:
        case EventKind::kRenamed: return true;
        default: return false;
    }
}

void OutageReader::end(const Key& key, WallTime at, bool was_removed) {
    auto found = open_.extract(key);
    if (found.empty()) return;
    found.mapped().ended = at;
    found.mapped().was_removed = was_removed;
    ended_.push_back(std::move(found.mapped()));
}

void OutageReader::remove_customer(const Event& event) {
    std::vector<Key> keys;
    for (const auto& [key, outage] : open_) {
        if (key.customer == event.customer && key.is_disowned == event.is_disowned) keys.push_back(key);
    }
    for (const Key& key : keys) end(key, event.at, true);
}

void OutageReader::add(const Event& event) {
    const bool is_connection = !event.connection.empty();
    const Key key{event.customer, is_connection ? event.connection : event.peer, is_connection, event.is_disowned};
    switch (event.kind) {
        case EventKind::kOnline:
        case EventKind::kUp: return end(key, event.at, false);
        case EventKind::kIdle:
        case EventKind::kDown:
        case EventKind::kPeerDead:
        case EventKind::kExpired:
            open_.try_emplace(key, Outage{event.customer, event.peer, event.connection, event.at, {}, event.reason});
            return;
        case EventKind::kRemoved:
            if (key.name.empty()) return remove_customer(event);
            return end(key, event.at, true);
        case EventKind::kRenamed: {
            if (event.peer.empty()) return;  // of a customer: its events have the new id
            auto found = open_.extract(Key{event.customer, event.from, false, event.is_disowned});
            if (found.empty()) return;
            found.key().name = found.mapped().peer = event.to;
            open_.insert(std::move(found));
            return;
        }
        default: return;
    }
}

std::vector<Outage> OutageReader::take(WallTime since, WallTime until) {
    std::vector<Outage> out = std::exchange(ended_, {});
    for (auto& [key, outage] : std::exchange(open_, {})) out.push_back(std::move(outage));
    std::erase_if(out, [&](const Outage& one) { return one.began > until || (one.ended && *one.ended < since); });
    std::stable_sort(out.begin(), out.end(), [](const Outage& a, const Outage& b) { return a.began > b.began; });
    return out;
}

}  // namespace warren::web
