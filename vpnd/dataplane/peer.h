// What the data plane knows of a peer and of a customer while it runs.
#pragma once

#include <memory>
#include <vector>

#include "base/bounded.h"
#include "base/drop_reason.h"
#include "vpnd/dataplane/customer_view.h"
#include "vpnd/dataplane/icmp.h"
#include "vpnd/dataplane/session.h"
#include "vpnd/packet/offload_header.h"
#include "vpnd/turns/meter.h"
#include "vpnd/turns/policer.h"
#include "vpnd/turns/shaper.h"

namespace warren::dataplane {

// Messages of sessions with their headers, empty ones included, as `wg show` counts them.
struct TrafficCounters {
    std::uint64_t rx_bytes = 0;
    std::uint64_t tx_bytes = 0;
    std::uint64_t rx_packets = 0;
    std::uint64_t tx_packets = 0;
};

using StagedPacket = std::vector<std::uint8_t>;
inline constexpr std::size_t kStagedPackets = 128;  // per peer, the oldest is dropped (conformance D7)
inline constexpr std::size_t kStagedQueueBytes = kStagedPackets * sizeof(StagedPacket);  // of an empty queue

// The sessions that follow each other for one part of a peer's traffic; in WireGuard all of it. The table owns them.
struct Flow {
    std::uint8_t number = 0;
    Session* sending = nullptr;
    Session* unconfirmed = nullptr;  // becomes the sending one with its first authentic message (conformance S1)
};

struct Peer {
    PeerIndex index;
    CustomerIndex customer;

    bool has_endpoint = false;
    Endpoint remote;
    LocalAddress local;                   // unspecified address: the kernel chooses
    Instant endpoint_session = kLongAgo;  // creation of the newest session that the endpoint was learnt from
    Instant ungrouped_until = kLongAgo;   // the path refused a train: datagrams go one by one

    Flow flow;                        // number 0: the only one, unless a session says otherwise
    std::vector<Flow> more_flows;     // by number
    bool has_selectors = false;       // one of its sessions does not carry everything
    std::vector<SessionId> sessions;  // all of them, three at most in WireGuard

    IpAddress last_source;  // of an accepted packet, spares the lookup; good while has_last_source
    bool has_last_source = false;

    PeerActivity activity;
    bool activity_changed = false;
    bool roamed = false;
    bool dirty = false;  // is on the list of peers to report
    Instant need_reported = kLongAgo;

    TrafficCounters traffic;
    std::unique_ptr<BoundedQueue<StagedPacket>> staged;  // only while packets wait

    void move_to(const Endpoint& to, const LocalAddress& from) {
        has_endpoint = true;
        remote = to;
        local = from;
        ungrouped_until = kLongAgo;  // that was another path
    }

    // The session that carries this packet from the stack. Null: none does yet.
    [[nodiscard]] Session* session_for(const InnerPacket& packet) const {
        return has_selectors ? select(packet) : flow.sending;
    }
    // Null when it has none of this number.
    [[nodiscard]] Flow* find_flow(std::uint8_t number);
    // Made when it is not there yet.
    [[nodiscard]] Flow& flow_of(std::uint8_t number);
    template <typename Use>
    void for_each_flow(const Use& use) {
        use(flow);
        for (Flow& one : more_flows) use(one);
    }

  private:
    [[nodiscard]] Session* select(const InnerPacket& packet) const;
};

struct Customer {
    std::unique_ptr<const CustomerView> view;
    DataPlaneDrops drops;
    TokenBucket icmp_errors;
    Meters meters;
    Policer admission;  // network to stack, before decryption
    Shaper inbound;     // network to stack, opened packets
    Shaper outbound;
    Instant release_at = kNever;  // when Shaping looks at its packets that wait
    std::size_t staged_bytes = 0;
    Joining joining;  // what its TUN takes
};

}  // namespace warren::dataplane
