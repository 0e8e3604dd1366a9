// What the data plane knows of a peer and of a customer while it runs.
#pragma once

#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "base/bounded.h"
#include "base/drop_reason.h"
#include "vpnd/dataplane/customer_view.h"
#include "vpnd/dataplane/icmp.h"
#include "vpnd/dataplane/live_prefixes.h"
#include "vpnd/dataplane/session.h"
#include "vpnd/packet/offload_header.h"
#include "vpnd/turns/meter.h"
#include "vpnd/turns/policer.h"
#include "vpnd/turns/shaper.h"
#include "vpnd/turns/test_line.h"

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

// The rates of a peer, or of several that share them (PeerLimit).
struct PeerRates {
    std::vector<PeerIndex> peers;
    Shaper inbound;  // as the customer's, before it
    Shaper outbound;
    bool is_blocked = false;
    bool is_waiting = false;  // is in Customer::waiting
};

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
    bool pinned = false;                  // nothing leaves from another one than `local`
    Instant endpoint_session = kLongAgo;  // creation of the newest session that the endpoint was learnt from
    Instant ungrouped_until = kLongAgo;   // the path refused a train: datagrams go one by one

    Flow flow;                        // number 0: the only one, unless a session says otherwise
    std::vector<Flow> more_flows;     // by number
    bool has_selectors = false;       // one of its sessions does not carry everything
    std::vector<SessionId> sessions;  // all of them, three at most in WireGuard

    IpAddress last_source;  // of an accepted packet, spares the lookup while no prefix of the customer changes
    std::uint64_t last_source_of = 0;  // Customer::prefixes_version then; 0: there was none

    PeerActivity activity;
    bool activity_changed = false;
    bool roamed = false;
    bool dirty = false;  // is on the list of peers to report
    Instant need_reported = kLongAgo;

    TrafficCounters traffic;
    TrafficCounters traffic_before;  // of `traffic`, that of others who had the peer before (CountAnew)
    std::unique_ptr<BoundedQueue<StagedPacket>> staged;  // only while packets wait
    PeerRates* rates = nullptr;                          // null: only the customer's apply. Of Customer::rates
    const std::vector<PrefixMap>* maps = nullptr;        // of its networks; null: none. Of CustomerView::maps
    std::uint64_t sources_refused = 0;                   // packets whose source is not the peer's
    IpAddress source_refused;                            // of the latest

    // True: the peer is where a message came from that arrived at `at`, and was not known to be there.
    [[nodiscard]] bool follow(const Endpoint& from, const LocalAddress& at);
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
    std::unordered_map<PeerIndex, std::uint32_t> live_peers;  // that are not in the view, and whose they are
    LivePrefixes live_prefixes;                               // beside the view's
    std::uint64_t prefixes_version = 1;                       // another one with every change of either
    DataPlaneDrops drops;
    TokenBucket icmp_errors;
    Meters meters;
    Policer admission;  // network to stack, before decryption
    Shaper inbound;     // network to stack, opened packets
    Shaper outbound;
    // Whether more becomes of packets than that they are checked and passed on: they may have to wait for a rate, not
    // pass at all, be held by a test link or be translated. May be true without need.
    bool is_treated = false;
    std::unique_ptr<TestLink> link;                 // null: it is no test link
    std::vector<std::unique_ptr<PeerRates>> rates;  // of its peers that have some
    std::vector<PeerRates*> waiting;                // of these, those for which packets wait
    Instant release_at = kNever;                    // when Shaping looks at its packets that wait
    std::size_t staged_bytes = 0;
    std::size_t shaped_bytes = 0;  // of memory, of all packets that wait for a rate
    Joining joining;               // what its TUN takes

    [[nodiscard]] bool needs_treatment() const {
        return inbound.limits() || outbound.limits() || !rates.empty() || view->is_blocked || link != nullptr ||
               !view->maps.empty();
    }
    // The peer that packets to this address are sent to: the longest prefix of all its peers says. Null: none.
    [[nodiscard]] const PeerIndex* peer_for(const IpAddress& address) const {
        return live_prefixes.empty() ? view->allowed_ips.find(address) : find_peer(address);
    }
    // Whether the longest prefix that contains this address is the peer's.
    [[nodiscard]] bool is_source_of(const IpAddress& address, PeerIndex peer) const;
    // The other worker that has this peer.
    [[nodiscard]] std::optional<std::uint32_t> worker_of(PeerIndex peer) const;

  private:
    [[nodiscard]] const PeerIndex* find_peer(const IpAddress& address) const;
};

}  // namespace warren::dataplane
