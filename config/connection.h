// IKEv2 and IPsec as plain values: the appliance's listener, and what a customer has. Read by config/ipsec, checked by
// config/ipsec_checks and config/ipsec_clashes.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/ip.h"
#include "base/ipsec.h"
#include "config/file_ref.h"
#include "config/limits.h"

namespace warren::config {

// Who we are to peers that do not say whom they want.
struct IpsecGateway {
    IkeIdentity identity;
    CertificateRef certificate;  // leaf first, then its chain
    SecretRef private_key;
    bool operator==(const IpsecGateway&) const = default;
};

// [ipsec] of warren.toml: the one listener of the appliance, for all customers.
struct IkeListener {
    IpsecEncapsulation encapsulation = IpsecEncapsulation::kAlways;
    std::vector<std::string> legacy;  // clients whose weak algorithms are taken: "windows"
    std::optional<IpsecGateway> gateway;
    bool operator==(const IkeListener&) const = default;
};

// One pair of networks that a connection carries.
struct Child {
    std::string name;
    std::vector<Prefix> local;   // our side, no host bits, like the next ones
    std::vector<Prefix> remote;  // the peer's side; empty with a pool: the leased addresses
    std::vector<Prefix> routes;  // what of `remote` is routed to the peer and taken from it; empty: all of it
    bool operator==(const Child&) const = default;
};

using Seconds = std::chrono::seconds;

// A site, or with a pool many clients.
struct Connection {
    std::string name;
    IpsecAuth auth = IpsecAuth::kPsk;
    std::optional<SecretRef> psk;
    std::optional<SecretRef> users;
    std::optional<IkeIdentity> remote_identity;  // may be a pattern; absent: anybody's, with EAP only
    std::optional<IkeIdentity> local_identity;   // absent: the customer's
    std::optional<IpAddress> remote_address;     // then nobody else's is taken, and we may initiate
    IpsecStart start = IpsecStart::kResponder;
    std::vector<Prefix> pool;
    // Its one child, when it has no tables of children (children_of()).
    std::vector<Prefix> local;
    std::vector<Prefix> remote;
    std::vector<Prefix> routes;
    std::vector<Child> children;
    std::vector<IkeProposal> ike;  // in our order; empty: the default ones, like the next
    std::vector<IkeProposal> esp;
    IpsecUse pfs = IpsecUse::kOptional;
    Seconds ike_rekey = std::chrono::hours(4);
    Seconds child_rekey = std::chrono::hours(1);
    std::uint64_t child_bytes = 64'000'000'000;  // of one direction, before a child is rekeyed
    Seconds reauth{0};                           // 0: never
    Seconds dpd{30};                             // 0: off
    bool mobike = true;
    bool fragmentation = true;
    std::uint16_t fragment_size = 1280;               // of an IP packet, bytes
    std::optional<IpsecEncapsulation> encapsulation;  // absent: the listener's
    std::uint16_t replay_window = 8128;               // messages
    IpsecUse esn = IpsecUse::kOptional;
    bool split = false;      // as initiator, a child for each pair of networks
    bool copy_dscp = false;  // from the inner packet to the outer one
    std::optional<SecretRef> ppk;
    std::string ppk_identity;  // "": no ppk
    bool ppk_required = false;
    std::optional<std::uint16_t> max_sessions;  // absent: sessions_of()
    bool enabled = true;
    std::vector<std::string> groups;  // that rules of the firewall name
    Limits limits;                    // rates: of each of its sessions; the quota: of all together
    bool operator==(const Connection&) const = default;
};

// [ipsec] of a customer's file.
struct Ipsec {
    IkeIdentity identity;              // ours for this customer: peers that name it are the customer's
    std::vector<IpAddress> addresses;  // of the uplink, for this customer alone
    std::optional<CertificateRef> certificate;
    std::optional<SecretRef> private_key;
    std::vector<CertificateRef> ca;   // who issues its peers' certificates
    std::vector<CertificateRef> crl;  // what these have revoked
    bool crl_required = false;
    std::vector<std::string> realms;  // of EAP identities
    std::vector<IpAddress> dns;       // for its clients
    std::vector<std::string> dns_domains;
    std::vector<Connection> connections;
    bool operator==(const Ipsec&) const = default;
};

// The children with their routes filled in. One at least, but for a connection that is not valid.
[[nodiscard]] std::vector<Child> children_of(const Connection& connection);
// How many peers it may have at once.
[[nodiscard]] std::size_t sessions_of(const Connection& connection);
// Tells a connection from all others of the appliance: a hash of its customer's identity, its name and its peer's
// identity. Not for security.
[[nodiscard]] PeerIdentity identity_of(const Ipsec& ipsec, const Connection& connection);
// Whether one peer, and no other, can have the connection.
[[nodiscard]] bool is_for_one(const Connection& connection);
// The addresses of a family that a pool has, at most kMaxSessions; nothing: it has none of that family.
[[nodiscard]] std::optional<std::size_t> pool_size(const std::vector<Prefix>& pool, Family family);

inline constexpr std::size_t kMaxChildren = 16;         // of a connection
inline constexpr std::size_t kMaxSelectors = 64;        // of one side of a child
inline constexpr std::size_t kMaxRoutesPerChild = 128;  // 16 children of these fit into one message to vpnd
inline constexpr std::size_t kMaxPools = 8;
inline constexpr std::size_t kMaxSessions = 16'384;    // of a connection
inline constexpr std::size_t kDefaultSessions = 1024;  // of a connection for many peers, if its pool is not smaller
// The largest of vpn0 whose packets fit, sealed, into 1500 bytes: IPv6, UDP, ESP with AES-GCM or with AES-CBC and
// HMAC-SHA2-256-128.
inline constexpr std::uint16_t kIpsecMtu = 1400;
// Bytes of the outer packet that carries an inner one of `size` in ESP in UDP over IPv6: 40 and 8, the header of ESP
// (8), its IV (8) and tag (16), padding to 4 with its two bytes (RFC 4303 §2, RFC 4106).
[[nodiscard]] constexpr std::size_t sealed_size(std::size_t size) {
    return 40 + 8 + 8 + 8 + (size + 2 + 3) / 4 * 4 + 16;
}

}  // namespace warren::config
