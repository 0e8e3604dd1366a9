#include "web/login/shares.h"

namespace warren::web {

std::optional<Shares::Place> Shares::take(const Viewer& viewer) {
    const access::Role role = viewer.grant.role;
    if (size() >= limits_.total) return std::nullopt;
    if (role != access::Role::kOperator && count_others() >= limits_.others) return std::nullopt;
    if (access::has_customers(role) && count_customers() >= limits_.customers) return std::nullopt;
    Place::Key key{role, part_of(viewer)};
    std::size_t& used = by_part_[key];
    if (used >= limits_.each) return std::nullopt;
    ++used;
    ++by_role_.at(static_cast<std::size_t>(role));
    return Place(this, std::move(key));
}

void Shares::release(const Place::Key& key) {
    --by_role_.at(static_cast<std::size_t>(key.first));
    const auto used = by_part_.find(key);
    if (--used->second == 0) by_part_.erase(used);
}

}  // namespace warren::web
