#include "stacks/plan/observed.h"

#include <algorithm>

namespace warren::stacks {

ObservedFirewall observed_of(const Firewall& firewall) {
    ObservedFirewall out{identity(firewall), rule_count(firewall), chain_summary(firewall), true, {}};
    out.policy.lists = firewall.policy.lists;
    std::sort(out.policy.lists.begin(), out.policy.lists.end(),
              [](const KeyList& a, const KeyList& b) { return a.name < b.name; });
    return out;
}

const Link* ObservedStack::link(const std::string& name) const {
    const auto found =
        std::find_if(links.begin(), links.end(), [&name](const Link& link) { return link.name == name; });
    return found == links.end() ? nullptr : &*found;
}

std::string ObservedStack::owner() const {
    const Link* lo = link(kLoopback);
    return lo == nullptr ? std::string() : lo->alias;
}

std::optional<std::uint32_t> ObservedUplink::zone(const std::string& text) const {
    if (const Link* named = link(text)) return named->index;
    const auto index = parse_zone_index(text);
    const bool is_there = index && std::any_of(links.begin(), links.end(),
                                               [&index](const auto& entry) { return entry.second.index == *index; });
    return is_there ? index : std::nullopt;
}

const Link* ObservedUplink::link(const std::string& name) const {
    const auto found = links.find(name);
    return found == links.end() ? nullptr : &found->second;
}

const Link* ObservedUplink::link_with_alias(const std::string& alias) const {
    const auto found =
        std::find_if(links.begin(), links.end(), [&alias](const auto& entry) { return entry.second.alias == alias; });
    return found == links.end() ? nullptr : &found->second;
}

}  // namespace warren::stacks
