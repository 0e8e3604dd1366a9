// What IKE serves: its listener, and what a customer has. Knows no key: of what is secret, and of certificates, it has
// the numbers, by which authd is asked.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/ip.h"
#include "base/ipsec.h"
#include "base/result.h"
#include "ipc/fields.h"
#include "ipc/limits.h"

namespace warren {

// Beside the structs, where they are looked for.
void fields(auto& codec, ipc::Is<IkeIdentity> auto& m) {
    codec(m.type, m.is_pattern, m.text);
}
void fields(auto& codec, ipc::Is<IkeTransform> auto& m) {
    codec(m.type, m.id, m.key_bits);
}

}  // namespace warren

namespace warren::ipc {

template <>
struct LastOf<IpsecAuth> {
    static constexpr auto value = IpsecAuth::kEapTls;
};
template <>
struct LastOf<IpsecStart> {
    static constexpr auto value = IpsecStart::kAlways;
};
template <>
struct LastOf<IpsecUse> {
    static constexpr auto value = IpsecUse::kRequired;
};
template <>
struct LastOf<IpsecEncapsulation> {
    static constexpr auto value = IpsecEncapsulation::kAuto;
};
template <>
struct LastOf<IkeIdentityType> {
    static constexpr auto value = IkeIdentityType::kKeyId;
};

// Who we are to peers that do not say whom they want.
struct IkeGateway {
    IkeIdentity identity;
    SecretId signer = kNoSecret;

    bool operator==(const IkeGateway&) const = default;
};
void fields(auto& codec, Is<IkeGateway> auto& m) {
    codec(m.identity, m.signer);
}

struct IkeListener {
    IpsecEncapsulation encapsulation = IpsecEncapsulation::kAlways;
    bool takes_legacy_windows = false;  // MODP-1024 and HMAC-SHA1 in IKE_SA_INIT too
    std::optional<IkeGateway> gateway;

    bool operator==(const IkeListener&) const = default;
};
void fields(auto& codec, Is<IkeListener> auto& m) {
    codec(m.encapsulation, m.takes_legacy_windows, m.gateway);
}

// Of a customer, for all its connections.
struct IpsecCustomer {
    IkeIdentity identity;  // ours; once on a listener
    std::vector<IpAddress> addresses;
    SecretId signer = kNoSecret;  // kNoSecret: none, or the gateway's
    SecretId trust = kNoSecret;
    std::vector<std::string> realms;
    std::vector<IpAddress> dns;
    std::vector<std::string> dns_domains;

    bool operator==(const IpsecCustomer&) const = default;
};
void fields(auto& codec, Is<IpsecCustomer> auto& m) {
    codec(m.identity, m.addresses, m.signer, m.trust, m.realms, m.dns, m.dns_domains);
}

struct IpsecChild {
    static constexpr std::size_t kMostSelectors = 64;  // of one side
    static constexpr std::size_t kMostRoutes = 128;    // 16 children of these fit into one message

    std::string name;
    std::vector<Prefix> local;   // the selectors of our side
    std::vector<Prefix> remote;  // and of the peer's; none: the leased address
    std::vector<Prefix> routes;  // what is routed to the peer, and accepted from it as source

    bool operator==(const IpsecChild&) const = default;
};
void fields(auto& codec, Is<IpsecChild> auto& m) {
    codec(m.name, m.local, m.remote, m.routes);
}

struct ConnectionSettings {
    static constexpr std::size_t kMostChildren = 16;
    static constexpr std::size_t kMostPools = 8;
    static constexpr std::size_t kMostProposals = 16;

    std::string name;
    IpsecAuth auth = IpsecAuth::kPsk;
    IkeIdentity remote_identity;
    std::optional<IkeIdentity> local_identity;  // absent: the customer's
    std::optional<IpAddress> remote_address;
    IpsecStart start = IpsecStart::kResponder;
    std::vector<Prefix> pool;
    std::vector<IpsecChild> children;  // 1 to kMostChildren, in the order in which a packet tries them
    std::vector<IkeProposal> ike;      // the best first; none: the default ones
    std::vector<IkeProposal> esp;
    IpsecUse pfs = IpsecUse::kOptional;
    std::uint32_t ike_rekey_seconds = 0;
    std::uint32_t child_rekey_seconds = 0;
    std::uint64_t child_bytes = 0;
    std::uint32_t reauth_seconds = 0;  // 0: never
    std::uint32_t dpd_seconds = 0;     // 0: off
    bool mobike = true;
    bool fragmentation = true;
    std::uint16_t fragment_size = 1280;               // bytes of an IP packet
    std::optional<IpsecEncapsulation> encapsulation;  // absent: the listener's
    std::uint16_t replay_window = 8128;
    IpsecUse esn = IpsecUse::kOptional;
    bool split = false;
    bool copy_dscp = false;
    std::string ppk_identity;  // "": no PPK
    bool ppk_required = false;
    std::uint16_t max_sessions = 1;
    Limits limits = {};  // the rates are each session's, the quota is the connection's

    bool operator==(const ConnectionSettings&) const = default;
};
void fields(auto& codec, Is<ConnectionSettings> auto& m) {
    codec(m.name, m.auth, m.remote_identity, m.local_identity, m.remote_address, m.start, m.pool, m.children, m.ike);
    codec(m.esp, m.pfs, m.ike_rekey_seconds, m.child_rekey_seconds, m.child_bytes, m.reauth_seconds, m.dpd_seconds);
    codec(m.mobike, m.fragmentation, m.fragment_size, m.encapsulation, m.replay_window, m.esn, m.split, m.copy_dscp);
    codec(m.ppk_identity, m.ppk_required, m.max_sessions, m.limits);
}

// kInvalid: more children, selectors, routes, pools or proposals than there may be, or none where there must be one.
[[nodiscard]] Status check(const ConnectionSettings& settings);

// What a connection does. kUnserved: nothing, as no engine of this vpnd serves it.
enum class ConnectionState : std::uint8_t { kUnserved, kListening, kConnecting, kUp, kDown };
template <>
struct LastOf<ConnectionState> {
    static constexpr auto value = ConnectionState::kDown;
};

// What an operator may want of a connection. kInitiate: begin; kRekey: its IKE SAs and their children; kTerminate:
// delete them.
enum class ConnectionAction : std::uint8_t { kInitiate, kRekey, kTerminate };
inline constexpr std::array<std::string_view, 3> kConnectionActionNames{"initiate", "rekey", "terminate"};
[[nodiscard]] constexpr std::string_view name_of(ConnectionAction action) {
    return kConnectionActionNames[static_cast<std::size_t>(action)];
}
template <>
struct LastOf<ConnectionAction> {
    static constexpr auto value = ConnectionAction::kTerminate;
};

}  // namespace warren::ipc
