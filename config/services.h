// [dns] and [bgp] of a customer's file: programs that run confined inside its stack.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/ip.h"

namespace warren::config {

// A zone whose questions go to servers of its own.
struct DnsZone {
    std::string name;  // "corp.example", without the last dot
    std::vector<IpAddress> servers;
    bool operator==(const DnsZone&) const = default;
};

struct DnsHost {
    std::string name;  // one label or a whole name
    std::vector<IpAddress> addresses;
    bool operator==(const DnsHost&) const = default;
};

// A resolver for the customer's devices.
struct Dns {
    std::vector<IpAddress> listen;    // addresses of the stack, at least one
    std::vector<IpAddress> upstream;  // reached inside the stack; empty: only zones and hosts are answered
    std::vector<DnsZone> zones;
    std::vector<DnsHost> hosts;  // beside the peers, which have names by themselves
    std::string domain;          // of the peers' names: "graz" is "graz.DOMAIN"; default ID.internal
    bool operator==(const Dns&) const = default;
};

struct BgpNeighbour {
    std::string name;
    IpAddress address;  // on the handoff, or inside a tunnel
    std::uint32_t asn = 0;
    std::vector<Prefix> import;         // that it may announce to us, or parts of them; empty: nothing
    std::uint32_t max_prefixes = 1000;  // beyond it the session ends
    bool operator==(const BgpNeighbour&) const = default;
};

// A router that speaks BGP for the customer's stack.
struct Bgp {
    std::uint32_t asn = 0;
    IpAddress router_id;                          // IPv4
    std::optional<std::vector<Prefix>> announce;  // absent: the networks of the peers
    std::vector<Prefix> allow_learned;            // what is learned behind a peer becomes its network within these
    std::vector<BgpNeighbour> neighbours;
    bool operator==(const Bgp&) const = default;
};

}  // namespace warren::config
