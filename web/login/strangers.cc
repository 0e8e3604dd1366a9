#include "web/login/strangers.h"

namespace warren::web {

std::optional<Strangers::Id> Strangers::victim(const IpAddress* site) const {
    std::optional<Id> out;
    std::size_t most = 0;
    Instant oldest = kNever;
    for (const auto& [id, connection] : connections_) {
        if (connection.waits || (site != nullptr && connection.site != *site)) continue;
        const std::size_t count = by_site_.at(connection.site);
        if (count < most || (count == most && connection.used >= oldest)) continue;
        out = id;
        most = count;
        oldest = connection.used;
    }
    return out;
}

Strangers::Admission Strangers::add(Instant now, Id id, const IpAddress& site) {
    const auto counted = by_site_.find(site);
    const bool site_is_full = counted != by_site_.end() && counted->second >= limits_.per_site;
    Admission out;
    if (site_is_full || connections_.size() >= limits_.total) {
        out.closes = victim(site_is_full ? &site : nullptr);
        if (!out.closes) return out;
        remove(*out.closes);
    }
    out.admitted = true;
    connections_[id] = {site, now};
    ++by_site_[site];
    return out;
}

void Strangers::touch(Instant now, Id id) {
    if (const auto found = connections_.find(id); found != connections_.end()) found->second.used = now;
}

void Strangers::set_waiting(Id id, bool waits) {
    if (const auto found = connections_.find(id); found != connections_.end()) found->second.waits = waits;
}

void Strangers::remove(Id id) {
    const auto found = connections_.find(id);
    if (found == connections_.end()) return;
    const auto counted = by_site_.find(found->second.site);
    if (--counted->second == 0) by_site_.erase(counted);
    connections_.erase(found);
}

}  // namespace warren::web
