// The observed state of a stack and of the uplink, as plain values: plan() compares it with the desired state.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/ip.h"
#include "stacks/plan/desired.h"

namespace warren::stacks {

// One network device of a namespace.
struct Link {
    std::string name;
    std::uint32_t index = 0;
    std::string kind;  // "tun", "veth", "macvlan", "vlan", "bridge", ...; "" for a physical device
    std::string alias;
    std::string qdisc;
    std::uint32_t mtu = 0;
    std::uint32_t queue_length = 0;
    std::uint32_t master = 0;  // index of the bridge it is a port of, 0 = none
    bool up = false;
    bool is_multi_queue = false;  // a TUN that was made for several queues
    std::uint32_t queues = 0;     // of a multi-queue TUN: the open ones
    std::uint32_t linked = 0;     // of a veth: the index of its other end, in that one's namespace; 0 = unknown
    bool operator==(const Link&) const = default;
};

struct DeviceAddress {
    std::string device;
    Prefix prefix;
    auto operator<=>(const DeviceAddress&) const = default;
};

// Of a policy that is loaded.
struct ObservedPolicy {
    std::vector<KeyList> lists;               // in the order of their names
    std::map<std::string, RuleCount> counts;  // by counter_name()
    std::vector<std::string> chains;          // its chains that are there
    std::vector<std::string> counting;        // connection_set()s that are there
    // What was counted is no part of what should be.
    bool operator==(const ObservedPolicy& other) const { return lists == other.lists; }
};

// Of the chains that are ours.
struct ObservedFirewall {
    std::string identity;
    std::size_t rules = 0;
    std::string chains;               // chain_summary()
    bool has_customer_chain = false;  // whatever is in it
    ObservedPolicy policy;
    bool operator==(const ObservedFirewall&) const = default;
};

// What is observed while this ruleset is loaded.
[[nodiscard]] ObservedFirewall observed_of(const Firewall& firewall);

struct ObservedStack {
    bool exists = false;
    std::vector<Link> links;
    std::vector<DeviceAddress> addresses;        // without IPv6 link-local ones
    std::vector<Route> routes;                   // ours: of kRouteProtocol in the main table
    std::map<std::string, std::string> sysctls;  // by path; missing parameters are absent
    std::optional<ObservedFirewall> firewall;

    [[nodiscard]] const Link* link(const std::string& name) const;
    // The mark on lo; "" when there is none.
    [[nodiscard]] std::string owner() const;
};

// The namespace in which stackd was started.
struct ObservedUplink {
    std::map<std::string, Link> links;  // by name

    // The index of the device that a zone names, by its name or its index; nothing when there is none.
    [[nodiscard]] std::optional<std::uint32_t> zone(const std::string& text) const;
    [[nodiscard]] const Link* link(const std::string& name) const;
    [[nodiscard]] const Link* link_with_alias(const std::string& alias) const;
};

}  // namespace warren::stacks
