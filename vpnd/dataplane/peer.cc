#include "vpnd/dataplane/peer.h"

#include <algorithm>

namespace warren::dataplane {

Flow* Peer::find_flow(std::uint8_t number) {
    if (number == 0) return &flow;
    const auto found =
        std::find_if(more_flows.begin(), more_flows.end(), [&](const Flow& one) { return one.number == number; });
    return found == more_flows.end() ? nullptr : &*found;
}

Flow& Peer::flow_of(std::uint8_t number) {
    if (Flow* const present = find_flow(number)) return *present;
    const auto after =
        std::find_if(more_flows.begin(), more_flows.end(), [&](const Flow& one) { return one.number > number; });
    return *more_flows.insert(after, Flow{.number = number});
}

bool Peer::follow(const Endpoint& from, const LocalAddress& at) {
    const bool stays = pinned && has_endpoint && local.address.family == at.address.family;
    if (stays && remote == from) return false;
    const LocalAddress source = stays ? local : at;
    move_to(from, source);
    return true;
}

Session* Peer::select(const InnerPacket& packet) const {
    const FlowKey key = outbound_flow(packet);
    const auto carries = [&](const Flow& one) {
        return one.sending != nullptr && matches(one.sending->selectors, key);
    };
    if (carries(flow)) return flow.sending;
    const auto found = std::find_if(more_flows.begin(), more_flows.end(), carries);
    return found == more_flows.end() ? nullptr : found->sending;
}

bool Customer::is_source_of(const IpAddress& address, PeerIndex peer) const {
    const auto configured = view->allowed_ips.find_match(address);
    const bool is_configured = configured.value != nullptr && *configured.value == peer;
    if (live_prefixes.empty()) return is_configured;
    const LivePrefixes::Match live = live_prefixes.find(address);
    if (live.peers == nullptr || (configured.value != nullptr && configured.length > live.length)) return is_configured;
    if (std::find(live.peers->begin(), live.peers->end(), peer) != live.peers->end()) return true;
    return is_configured && configured.length == live.length;
}

const PeerIndex* Customer::find_peer(const IpAddress& address) const {
    const auto configured = view->allowed_ips.find_match(address);
    const LivePrefixes::Match live = live_prefixes.find(address);
    const bool is_live = live.peers != nullptr && (configured.value == nullptr || live.length >= configured.length);
    return is_live ? &live.peers->back() : configured.value;
}

std::optional<std::uint32_t> Customer::worker_of(PeerIndex peer) const {
    for (const auto* const peers : {&view->elsewhere, &live_peers}) {
        if (const auto found = peers->find(peer); found != peers->end()) return found->second;
    }
    return std::nullopt;
}

}  // namespace warren::dataplane
