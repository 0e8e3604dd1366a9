// The desired state of one customer's stack, as plain values: a function of its configuration and of our run-dir. PURE.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/ip.h"
#include "base/kernel_names.h"
#include "config/customer.h"
#include "stacks/plan/firewall.h"
#include "stacks/plan/neighbours.h"
#include "stacks/plan/sysctls.h"

namespace warren::stacks {

// The device names inside every stack.
inline constexpr const char* kTunnelDevice = "vpn0";
inline constexpr const char* kHandoffDevice = "lan0";
inline constexpr const char* kUnfinishedHandoff = "lan0.new";  // while it is being made on a parent
inline constexpr const char* kLoopback = "lo";

// Behind the kernel's own connected routes (0 for IPv4, 256 for IPv6), before the guards.
inline constexpr std::uint32_t kRouteMetric = 512;
// Guards catch traffic that would otherwise leak to a less specific route when one is missing.
inline constexpr std::uint32_t kGuardMetric = 4278198272;
// Entries are super-packets; the kernel's 500 drop under bursts of them.
inline constexpr std::uint32_t kTunnelQueueLength = 1000;

enum class RouteType : std::uint8_t { kUnicast, kUnreachable };

// As in the configuration: "veth", ...
[[nodiscard]] const char* name_of(config::HandoffType type);

// A route of the main table.
struct Route {
    Prefix to;
    RouteType type = RouteType::kUnicast;
    std::string device;            // kUnicast only
    std::optional<IpAddress> via;  // kUnicast only
    std::uint32_t metric = kRouteMetric;
    auto operator<=>(const Route&) const = default;
};

// A network behind a peer or a connection, and the queue of vpn0 that serves it.
struct SteeringEntry {
    Prefix to;  // no host bits
    std::uint16_t queue = 0;
    bool operator==(const SteeringEntry&) const = default;
};

struct Handoff {
    config::HandoffType type = config::HandoffType::kVeth;
    std::string parent;  // a device of the uplink; may be empty for veth
    std::optional<std::uint16_t> vlan_id;
    std::string outer;  // veth: the name of the far end in the uplink
    std::string mark;   // the alias of lan0: which handoff this is
    std::vector<Prefix> addresses;
    std::optional<std::uint16_t> mtu;  // absent: the kernel's default
    bool is_down = false;              // another node of the fleet serves the customer: lan0 stays down
    bool operator==(const Handoff&) const = default;
};

// A device of the uplink that a peer's link-local endpoint names.
struct PeerZone {
    std::string peer;
    std::string device;
    bool operator==(const PeerZone&) const = default;
};

struct DesiredStack {
    std::string customer;
    std::string name;   // of the namespace
    std::string owner;  // the alias of lo: whose stack this is
    std::uint16_t mtu = 1420;
    std::uint16_t queues = 1;             // of vpn0
    std::vector<Prefix> addresses;        // of vpn0
    std::vector<SteeringEntry> steering;  // of vpn0, when it has several queues
    std::optional<Handoff> handoff;
    std::vector<Route> routes;    // in an order in which the kernel accepts them
    std::vector<Sysctl> sysctls;  // those of the namespace, before any device is made
    Firewall firewall;
    std::vector<PeerZone> zones;  // of enabled peers
    bool operator==(const DesiredStack&) const = default;
};

[[nodiscard]] std::string namespace_name(const std::string& customer);
// The far end of a customer's veth, in the uplink.
[[nodiscard]] std::string outer_name(const std::string& customer);
// "warren run-dir=/run/warren customer=acme": stored as an alias in the kernel, so that each stack names its instance.
[[nodiscard]] std::string owner_mark(const std::string& run_dir, const std::string& customer);
// The run-dir in an owner mark; nothing when it is not one of ours.
[[nodiscard]] std::optional<std::string> run_dir_of(const std::string& owner);

// The home name in the alias of a physical device that was moved into a stack; nothing when it is another alias.
[[nodiscard]] std::optional<std::string> home_of(const std::string& handoff_mark);

// The alias of a device that an operator moved into a stack, as of a physical handoff: home_of() tells its home name.
[[nodiscard]] std::string moved_mark(const std::string& home);

// `run_dir` is absolute and at most kMaxRunDir characters: it must fit into an alias with the rest.
inline constexpr std::size_t kMaxRunDir = 180;
// `workers`: data workers of vpnd, each of which reads at most one queue. `neighbours`: neighbours_per_stack().
[[nodiscard]] DesiredStack desired_stack(const config::Customer& customer, const std::string& run_dir,
                                         std::uint32_t workers = 1, std::uint32_t neighbours = kMostNeighbours);

// Whether the stack has devices that fill the kernel's neighbour tables: a handoff, or the operator's.
[[nodiscard]] bool has_neighbours(const config::Customer& customer);

// The queue of vpn0 that serves a peer: stable, and evenly distributed.
[[nodiscard]] std::uint16_t queue_of(const PeerIdentity& peer, std::size_t queues);

}  // namespace warren::stacks
