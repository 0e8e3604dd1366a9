// customers/ID.toml as plain values: the configuration of one customer's stack and tunnels.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/ip.h"
#include "base/time.h"
#include "config/clients.h"
#include "config/connection.h"
#include "config/emulation.h"
#include "config/firewall.h"
#include "config/limits.h"
#include "config/services.h"
#include "config/tunnel.h"

namespace warren::config {

// kStandby is in no file: the customer's group is served by another node of the fleet (docs/fleet.md).
enum class CustomerState { kActive, kSuspended, kStandby };
inline constexpr std::uint16_t kMostGroups = 256;

struct StaticRoute {
    Prefix to;  // no host bits
    IpAddress via;
    bool operator==(const StaticRoute&) const = default;
};

// When a customer goes without its stack (docs/decisions/0029-parked-stacks.md).
enum class Park : std::uint8_t { kNever, kIdle };

struct Stack {
    std::vector<Prefix> addresses;  // of vpn0, with host bits
    std::uint16_t mtu = 1420;       // of vpn0; the default with IPsec is kIpsecMtu
    std::uint16_t queues = 1;       // of vpn0, 1..kMaxWorkers: this many data workers share its peers
    std::vector<StaticRoute> routes;
    std::vector<std::string> devices;  // of the operator, in the stack, at most kMaxStackDevices
    bool clamp_mss = true;             // of TCP connections through the stack, to what vpn0 and lan0 have room for
    Park park = Park::kNever;
    std::chrono::seconds park_after{600};  // without a packet, before an idle one is parked
    bool operator==(const Stack&) const = default;
};

enum class HandoffType { kVeth, kMacvlan, kVlan, kPhysical };

// How the customer's LAN reaches the stack. The device is called lan0 inside the stack.
struct Handoff {
    HandoffType type = HandoffType::kVeth;
    std::string parent;  // a device of the uplink namespace; for veth a bridge, or empty: the far end is left free
    std::optional<std::uint16_t> vlan_id;  // 1..4094, type vlan only
    std::vector<Prefix> addresses;
    std::optional<std::uint16_t> mtu;
    bool operator==(const Handoff&) const = default;
};

// How much of the appliance a customer may use. Up is from its sites into the stack, down from the stack to its sites.
struct Traffic {
    Limits limits;
    std::uint16_t share = 1;  // weight against other customers when there is not enough for all
    std::optional<Emulation> emulate;
    bool operator==(const Traffic&) const = default;
};

struct Peer {
    std::string name;
    std::string description;                // for people
    std::vector<Prefix> allowed_ips;        // no host bits; each prefix belongs to one peer of a customer
    std::optional<ZonedEndpoint> endpoint;  // when set, we may initiate
    bool enabled = true;
    std::optional<WallTime> expires;  // from then on it has no tunnel
    std::vector<std::string> groups;  // that rules of the firewall name
    Limits limits;
    Tunnel tunnel;
    bool operator==(const Peer&) const = default;
};

// "wireguard.peer[2]": the table of a peer that is number `number` of its kind.
[[nodiscard]] std::string peer_path(const Peer& peer, std::size_t number);

// What the customers of a reseller may have, all together and at every level. Absent: no cap.
struct Reseller {
    std::uint16_t share = 1;  // weight of it and its customers together
    std::optional<std::uint32_t> max_customers;
    std::optional<std::uint32_t> max_peers;  // and connections, those that are disabled apart
    std::optional<std::uint64_t> rate_up;    // bits per second, of the sum of the rates in the files
    std::optional<std::uint64_t> rate_down;
    bool operator==(const Reseller&) const = default;
};

// A reseller whose share of the processor a customer divides with others.
struct ResellerAbove {
    std::string id;
    std::uint16_t share = 1;
    bool suspended = false;
    bool operator==(const ResellerAbove&) const = default;
};

struct Customer {
    std::string id;    // config/customer_id.h
    std::string name;  // for people
    std::string description;
    CustomerState state = CustomerState::kActive;
    Stack stack;
    Traffic traffic;
    std::optional<Handoff> handoff;
    Firewall firewall;
    Nat nat;
    std::vector<Listener> listeners;  // the customer's own; peers of a kind without one use the shared one
    std::vector<Peer> peers;
    std::optional<std::uint32_t> max_peers;  // of WireGuard, those that are disabled apart; absent: any number
    std::optional<std::uint32_t>
        max_handshake_rate;          // initiations of WireGuard per second; absent: only the appliance's
    std::optional<Clients> clients;  // absent: every profile has the defaults
    std::optional<Ipsec> ipsec;
    std::optional<Dns> dns;
    std::optional<Bgp> bgp;
    std::optional<std::uint16_t> group;  // of the fleet, below kMostGroups; absent: the customer is this node's alone
    std::vector<IpAddress> sources;      // in no file: of its group, at most one of a family. All that leaves to its
                                         // peers does so from these; none: from any address of this node
    std::optional<Reseller> reseller;    // absent: it has no customers of its own
    std::vector<ResellerAbove> above;    // in no file: its resellers, the outermost first; of a reseller itself, too
    bool operator==(const Customer&) const = default;
};

// Whether the customer may be without its stack while no packet needs one.
[[nodiscard]] bool is_parkable(const Customer& customer);

}  // namespace warren::config
