#include "vpnd/ike/narrow.h"

#include <algorithm>

#include "vpnd/ike/limits.h"

namespace warren::ike {

namespace {

struct Ports {
    std::uint16_t first = 0;
    std::uint16_t last = UINT16_MAX;
    [[nodiscard]] bool is_opaque() const { return first > last; }
    [[nodiscard]] bool is_any() const { return first == 0 && last == UINT16_MAX; }
};

Ports ports_of(const TrafficSelector& selector) {
    return {selector.first_port, selector.last_port};
}

std::optional<Ports> common_ports(const Ports& a, const Ports& b) {
    if (a.is_opaque() || b.is_opaque()) {
        const bool fits = (a.is_opaque() || a.is_any()) && (b.is_opaque() || b.is_any());
        return fits ? std::optional(a.is_opaque() ? a : b) : std::nullopt;
    }
    const Ports both{std::max(a.first, b.first), std::min(a.last, b.last)};
    return both.first <= both.last ? std::optional(both) : std::nullopt;
}

bool is_within(const TrafficSelector& part, const TrafficSelector& whole) {
    return intersection(part, whole) == part;
}

// Drops from the end of the longer list until no more pairs are left than a child may have.
void limit_pairs(ChildSelectors& selectors) {
    while (selectors.local.size() * selectors.remote.size() > kMostSelectorPairs) {
        SelectorList& longer = selectors.local.size() > selectors.remote.size() ? selectors.local : selectors.remote;
        longer.pop_back();
    }
}

bool may_pair(const TrafficSelector& local, const TrafficSelector& remote) {
    return local.first.family == remote.first.family &&
           (local.protocol == 0 || remote.protocol == 0 || local.protocol == remote.protocol);
}

std::string protocol_name(std::uint8_t protocol) {
    switch (protocol) {
        case 1: return "icmp";
        case 6: return "tcp";
        case 17: return "udp";
        case 58: return "ipv6-icmp";
        default: return std::to_string(protocol);
    }
}

// The length of the prefix that a range is; nothing when it is none.
std::optional<unsigned> prefix_length(const TrafficSelector& range) {
    for (unsigned length = 0; length <= range.first.bits(); ++length) {
        if (range.first.masked(length) != range.first) continue;
        IpAddress last = range.first;
        for (unsigned bit = length; bit < last.bits(); ++bit)
            last.octets[bit / 8] = static_cast<std::uint8_t>(last.octets[bit / 8] | 0x80U >> bit % 8);
        if (last == range.last) return length;
    }
    return std::nullopt;
}

}  // namespace

std::optional<TrafficSelector> intersection(const TrafficSelector& a, const TrafficSelector& b) {
    if (a.first.family != b.first.family) return std::nullopt;
    if (a.protocol != 0 && b.protocol != 0 && a.protocol != b.protocol) return std::nullopt;
    const auto ports = common_ports(ports_of(a), ports_of(b));
    if (!ports) return std::nullopt;
    TrafficSelector out;
    out.first = std::max(a.first, b.first);
    out.last = std::min(a.last, b.last);
    if (out.last < out.first) return std::nullopt;
    out.protocol = a.protocol != 0 ? a.protocol : b.protocol;
    out.first_port = ports->first;
    out.last_port = ports->last;
    return out;
}

SelectorList narrow(std::span<const TrafficSelector> allowed, std::span<const TrafficSelector> offered) {
    SelectorList out;
    for (const TrafficSelector& wanted : offered) {
        for (const TrafficSelector& ours : allowed) {
            const auto both = intersection(wanted, ours);
            if (!both || covers(out, {&*both, 1})) continue;
            // A later, larger one takes the place of those that it contains.
            const auto first =
                std::find_if(out.begin(), out.end(), [&](const TrafficSelector& one) { return is_within(one, *both); });
            if (first == out.end()) {
                if (out.size() < kMostSideSelectors) out.push_back(*both);
                continue;
            }
            *first = *both;
            out.erase(
                std::remove_if(first + 1, out.end(), [&](const TrafficSelector& one) { return is_within(one, *both); }),
                out.end());
        }
    }
    return out;
}

bool covers(std::span<const TrafficSelector> whole, std::span<const TrafficSelector> part) {
    return std::all_of(part.begin(), part.end(), [&](const TrafficSelector& one) {
        return std::any_of(whole.begin(), whole.end(),
                           [&](const TrafficSelector& larger) { return is_within(one, larger); });
    });
}

bool ChildSelectors::is_empty() const {
    return std::none_of(local.begin(), local.end(), [&](const TrafficSelector& ours) {
        return std::any_of(remote.begin(), remote.end(),
                           [&](const TrafficSelector& theirs) { return may_pair(ours, theirs); });
    });
}

bool ChildSelectors::carries(const dataplane::FlowKey& flow) const {
    const TrafficSelector ours = local_selector(flow);
    const TrafficSelector theirs = remote_selector(flow);
    return covers(local, {&ours, 1}) && covers(remote, {&theirs, 1});
}

dataplane::Selectors ChildSelectors::pairs() const {
    dataplane::Selectors out;
    for (const TrafficSelector& ours : local) {
        for (const TrafficSelector& theirs : remote) {
            if (!may_pair(ours, theirs) || out.size() == kMostSelectorPairs) continue;
            dataplane::Selector pair;
            pair.local = {ours.first, ours.last};
            pair.remote = {theirs.first, theirs.last};
            pair.protocol = ours.protocol != 0 ? ours.protocol : theirs.protocol;
            pair.local_ports = {ours.first_port, ours.last_port};
            pair.remote_ports = {theirs.first_port, theirs.last_port};
            out.push_back(pair);
        }
    }
    return out;
}

ChildSelectors allowed_of(const Connection& connection, const ChildConfig& child, const Lease& lease) {
    ChildSelectors out{child.local, child.remote};
    if (connection.pool.empty()) return out;
    out.remote.clear();
    for (const auto& address : {lease.v4, lease.v6}) {
        if (address) out.remote.push_back({.first = *address, .last = *address});
    }
    return out;
}

ChildSelectors narrow(const ChildSelectors& allowed, const SelectorList& offered_local,
                      const SelectorList& offered_remote) {
    ChildSelectors out{narrow(allowed.local, offered_local), narrow(allowed.remote, offered_remote)};
    limit_pairs(out);
    return out.is_empty() ? ChildSelectors{} : out;
}

TrafficSelector local_selector(const dataplane::FlowKey& flow) {
    TrafficSelector out{.first = flow.local, .last = flow.local, .protocol = flow.protocol};
    if (flow.has_ports) out.first_port = out.last_port = flow.local_port;
    return out;
}

TrafficSelector remote_selector(const dataplane::FlowKey& flow) {
    TrafficSelector out{.first = flow.remote, .last = flow.remote, .protocol = flow.protocol};
    if (flow.has_ports) out.first_port = out.last_port = flow.remote_port;
    return out;
}

std::string to_string(const TrafficSelector& selector) {
    std::string out = to_string(selector.first);
    if (const auto length = prefix_length(selector)) {
        out += "/" + std::to_string(*length);
    } else {
        out += "-" + to_string(selector.last);
    }
    const Ports ports = ports_of(selector);
    if (selector.protocol == 0 && ports.is_any()) return out;
    out += "[" + (selector.protocol == 0 ? "any" : protocol_name(selector.protocol));
    if (ports.is_opaque()) {
        out += "/opaque";
    } else if (!ports.is_any()) {
        out += "/" + std::to_string(ports.first);
        if (ports.last != ports.first) out += "-" + std::to_string(ports.last);
    }
    return out + "]";
}

std::string to_string(std::span<const TrafficSelector> selectors) {
    std::string out;
    for (const TrafficSelector& one : selectors) {
        const std::string text = to_string(one);
        if (out.size() + text.size() + 2 > kMostNoteText) return out + " ...";
        out += (out.empty() ? "" : ", ") + text;
    }
    return out;
}

}  // namespace warren::ike
