// What the configuration says of a customer and of a peer, whatever the kind of its tunnel. It travels from stackd
// through vpnd to vpnctl and statusd as one value and is compared as a whole, so that no change of it is overlooked.
// Knows no key.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/ip.h"
#include "base/time.h"
#include "ipc/fields.h"
#include "ipc/limits.h"
#include "ipc/listener.h"

namespace warren::ipc {

// What happens to the packets of one direction of a test link. Parts are of a million.
struct LinkEmulation {
    std::uint64_t delay_us = 0;
    std::uint64_t jitter_us = 0;
    std::uint32_t loss = 0;
    std::uint32_t reorder = 0;
    std::uint32_t duplicate = 0;
    std::uint64_t rate = 0;  // bits per second, 0 = no limit

    bool operator==(const LinkEmulation&) const = default;
};
void fields(auto& codec, Is<LinkEmulation> auto& m) {
    codec(m.delay_us, m.jitter_us, m.loss, m.reorder, m.duplicate, m.rate);
}

// Each address of `real`, behind the peer, is the address with the same host part of `mapped` in the stack.
struct PrefixMap {
    Prefix real;
    Prefix mapped;

    bool operator==(const PrefixMap&) const = default;
};
void fields(auto& codec, Is<PrefixMap> auto& m) {
    codec(m.real, m.mapped);
}

// Customers that divide one share of the processor: a reseller and its customers.
struct ShareGroup {
    std::string id;  // the reseller's
    std::uint16_t share = 1;

    bool operator==(const ShareGroup&) const = default;
};
void fields(auto& codec, Is<ShareGroup> auto& m) {
    codec(m.id, m.share);
}

struct CustomerSettings {
    std::string id;
    std::string name;        // for people
    bool suspended = false;  // no tunnel is served; sessions are dropped
    std::uint16_t mtu = 1420;
    std::vector<Prefix> addresses;  // of the stack, for ICMP errors into it and for status
    std::uint64_t rate_up = 0;      // bits per second from its sites into the stack, 0 = no limit
    std::uint64_t rate_down = 0;    // and from the stack to its sites
    std::uint16_t share = 1;        // weight against other customers, at least 1
    std::uint64_t quota = 0;        // as in Limits, of all its peers and connections together
    std::uint64_t after_quota = 0;
    std::uint32_t max_handshake_rate = 0;  // initiations of WireGuard per second; 0: only the appliance's bounds
    LinkEmulation emulate_up = {};         // from its sites into the stack
    LinkEmulation emulate_down = {};
    std::uint32_t park_after_seconds = 0;  // without a packet, after which it needs no TUN; 0: it always does
    std::vector<ShareGroup> groups = {};   // the outermost first, each within the one before; none: it is alone

    bool operator==(const CustomerSettings&) const = default;
};
void fields(auto& codec, Is<CustomerSettings> auto& m) {
    codec(m.id, m.name, m.suspended, m.mtu, m.addresses, m.rate_up, m.rate_down, m.share);
    codec(m.quota, m.after_quota, m.max_handshake_rate, m.emulate_up, m.emulate_down, m.park_after_seconds, m.groups);
}

struct PeerSettings {
    std::string name;
    ListenerId listener;  // where it comes to us; another one means another tunnel
    std::vector<Prefix> allowed_ips;
    std::optional<Endpoint> endpoint;  // where the peer is until it is heard from elsewhere; absent: it comes to us
    WallTime expires{};                // from then on it has no tunnel; 0 = never
    Limits limits = {};
    std::vector<PrefixMap> maps = {};  // of its networks; allowed_ips has the mapped ones

    bool operator==(const PeerSettings&) const = default;
};
void fields(auto& codec, Is<PeerSettings> auto& m) {
    codec(m.name, m.listener, m.allowed_ips, m.endpoint, m.expires, m.limits, m.maps);
}

// What may be shown of a peer's tunnel (ipc/tunnel.h): secrets are left out.
struct ShownWireguardPeer {
    std::string public_key;  // base64
    bool has_preshared_key = false;
    std::uint16_t persistent_keepalive_seconds = 0;
    std::string next_public_key = {};  // the same peer's while its key is changed; "": it has one key

    bool operator==(const ShownWireguardPeer&) const = default;
};
void fields(auto& codec, Is<ShownWireguardPeer> auto& m) {
    codec(m.public_key, m.has_preshared_key, m.persistent_keepalive_seconds, m.next_public_key);
}

using ShownTunnel = std::variant<ShownWireguardPeer>;

}  // namespace warren::ipc
