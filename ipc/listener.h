// The listeners of the appliance and of its customers: their names, and the roles of their sockets. Knows no key.
#pragma once

#include <compare>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/ip.h"
#include "base/result.h"
#include "ipc/fields.h"

namespace warren::ipc {

using warren::ListenerKind;
template <>
struct LastOf<ListenerKind> {
    static constexpr auto value = ListenerKind::kIke;
};

// Names a listener: one of each kind for each owner.
struct ListenerId {
    std::string owner;  // a customer's id; "" = the appliance's, for all customers that have none of this kind
    ListenerKind kind = ListenerKind::kWireguard;

    auto operator<=>(const ListenerId&) const = default;
};
void fields(auto& codec, Is<ListenerId> auto& m) {
    codec(m.owner, m.kind);
}

enum class Protocol : std::uint8_t { kUdp, kTcp };
template <>
struct LastOf<Protocol> {
    static constexpr auto value = Protocol::kTcp;
};
[[nodiscard]] constexpr Protocol protocol_of(ListenerKind kind) {
    switch (kind) {
        case ListenerKind::kWireguard:
        case ListenerKind::kIke: return Protocol::kUdp;
    }
    return Protocol::kUdp;
}

// The ports of a listener whose first one is `port`. IKE has two: what carries packets comes to the first.
[[nodiscard]] std::vector<std::uint16_t> ports_of(ListenerKind kind, std::uint16_t port);

enum class SocketRole : std::uint8_t {
    kMessages,  // what carries no packet, such as handshakes: the control worker reads it
    kData,      // packets: a data worker reads it
    kControl,   // where programs of this machine ask, if the kind has that: WireGuard's UAPI, a listening stream socket
    kSolicited,  // messages that strangers do not begin with: a flood of those leaves no room in kMessages
    kSurplus,    // of a former vpnd with more data workers: read until it is empty, then closed
};
template <>
struct LastOf<SocketRole> {
    static constexpr auto value = SocketRole::kSurplus;
};

// What one descriptor of a listener is for. The sockets of one port and family are a reuseport group, bound in this
// order, which the steering program relies on: kMessages, kData of each worker, kSolicited, kSurplus. They are
// non-blocking, with UDP_GRO and PKTINFO on. A surplus one may be another one's duplicate.
struct DescriptorRole {
    SocketRole role = SocketRole::kMessages;
    Family family = Family::kV4;  // kControl: always kV4
    std::uint16_t worker = 0;     // of kData; a number of kSurplus; else 0
    std::uint8_t port = 0;        // number of ports_of(); kControl: 0

    auto operator<=>(const DescriptorRole&) const = default;
};
void fields(auto& codec, Is<DescriptorRole> auto& m) {
    codec(m.role, m.family, m.worker, m.port);
}

// Each role once, and all that a listener needs with this number of data workers: for IPv4, and for IPv6 all or none,
// the messages and the solicited ones of each port, and each worker's data of the first. Data of a second port is
// allowed, when it was another listener's before, and so is surplus. kInvalid names the first role that is wrong,
// doubled or missing.
[[nodiscard]] Status check_roles(ListenerKind kind, std::span<const DescriptorRole> roles, std::uint32_t workers);

// "listener 'acme'", "message socket (IPv4)", "data socket of worker 1 (IPv6)": for errors.
[[nodiscard]] std::string to_string(const ListenerId& id);
[[nodiscard]] std::string to_string(const DescriptorRole& role);

}  // namespace warren::ipc
