// What vpnd keeps of a customer's IKE connections: their values, and which peers of the data plane they have. Pure.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "base/ids.h"
#include "base/lpm.h"
#include "base/result.h"
#include "ipc/config_messages.h"
#include "vpnd/customers/generation.h"

namespace warren::vpnd {

// There is one listener of IKE, the appliance's.
inline const ipc::ListenerId kIkeListener{"", ipc::ListenerKind::kIke};

// Where the packets of a child are: which of its session's peers, and which flow of that (vpnd/dataplane/install.h).
struct ChildPlace {
    std::uint32_t peer = 0;
    std::uint8_t flow = 0;

    bool operator==(const ChildPlace&) const = default;
};
// A child has a peer of its own, but those whose routes overlap share one: what is routed to it goes by selectors then.
[[nodiscard]] std::vector<ChildPlace> places_of(const std::vector<ipc::IpsecChild>& children);

// A connection, with the peers that its sessions may have. A session is one IKE SA over all its rekeys, a site's or one
// of many clients'.
struct HeldConnection {
    ConnectionIndex index;
    ListenerIndex listener;
    ipc::PutConnection config;
    std::vector<ChildPlace> places;  // of each child
    std::vector<PeerIndex> peers;    // of session 0, then those of session 1, ...: as many sessions as there may be

    [[nodiscard]] std::size_t sessions() const { return config.settings.max_sessions; }
    [[nodiscard]] std::size_t peers_per_session() const { return peers.size() / sessions(); }
    [[nodiscard]] PeerIndex peer(std::size_t session, std::size_t child) const {
        return peers[session * peers_per_session() + places[child].peer];
    }
    // How many of its children have this peer in the data plane; 0: it is not the connection's.
    [[nodiscard]] std::size_t children_of(PeerIndex peer) const {
        const auto found = std::find(peers.begin(), peers.end(), peer);
        if (found == peers.end()) return 0;
        const auto at = static_cast<std::size_t>(found - peers.begin()) % peers_per_session();
        return static_cast<std::size_t>(
            std::count_if(places.begin(), places.end(), [at](const ChildPlace& place) { return place.peer == at; }));
    }
    // Its peer is known before it comes: packets to its routes are for session 0. Else routes come with the sessions.
    [[nodiscard]] bool has_fixed_routes() const { return sessions() == 1 && config.settings.pool.empty(); }
};

// Appends the routes that lead to the connection, each once.
void append_routes(const HeldConnection& connection, std::vector<Lpm<PeerIndex>::Entry>& out);

// That a customer's peers and connections are not too many, and that no name and no network is of two.
[[nodiscard]] Status check_tunnels(const NewCustomer& customer);

}  // namespace warren::vpnd
