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

Session* Peer::select(const InnerPacket& packet) const {
    const FlowKey key = outbound_flow(packet);
    const auto carries = [&](const Flow& one) {
        return one.sending != nullptr && matches(one.sending->selectors, key);
    };
    if (carries(flow)) return flow.sending;
    const auto found = std::find_if(more_flows.begin(), more_flows.end(), carries);
    return found == more_flows.end() ? nullptr : found->sending;
}

}  // namespace warren::dataplane
