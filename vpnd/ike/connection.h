// What is configured of IKEv2: customers, their connections, and the children of these.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/ip.h"
#include "base/time.h"
#include "vpnd/ike/configuration.h"
#include "vpnd/ike/identity.h"
#include "vpnd/ike/payload.h"
#include "vpnd/ike/proposal.h"

namespace warren::ike {

// A connection inside vpnd, unique over all customers. Dense: it indexes arrays.
using warren::ConnectionIndex;

// How the two sides show who they are.
enum class Auth : std::uint8_t { kPsk, kCertificate, kEapMschapv2, kEapTls };
// We sign first, then the peer says its name (RFC 7296 §2.16).
[[nodiscard]] constexpr bool is_eap(Auth auth) {
    return auth == Auth::kEapMschapv2 || auth == Auth::kEapTls;
}

// When we begin.
enum class Start : std::uint8_t {
    kResponder,  // never: the peer does
    kOnTraffic,  // when a packet needs it
    kAlways,     // at once, and whenever it is gone
};

inline constexpr std::size_t kMostChildren = 16;        // CHILD_SAs of one IKE_SA
inline constexpr std::size_t kMostSideSelectors = 32;   // of one side of a child
inline constexpr std::size_t kMostSelectorPairs = 256;  // of one child: local ones times remote ones

// One child: what we would carry to and from the peer. In each session it is a peer of the data plane, over all rekeys.
struct ChildConfig {
    std::string name;
    PeerIndex peer;                     // of session 0
    std::vector<PeerIndex> more_peers;  // of session 1, 2, ...
    std::uint32_t worker = 0;           // the data worker that has the peers
    // Of our side and of the peer's, at most kMostSideSelectors each. The first of each family is what matters most.
    // With a pool, `remote` is empty: it is what the peer has leased.
    std::vector<TrafficSelector> local;
    std::vector<TrafficSelector> remote;
    std::vector<Prefix> routes;  // is_for_many(): what may lead to one of the peers, as far as its selectors go

    // session < Connection::max_sessions
    [[nodiscard]] PeerIndex peer_of(std::uint32_t session) const {
        return session == 0 ? peer : more_peers[session - 1];
    }
    // The same on the wire, with the same data worker.
    [[nodiscard]] bool carries_same(const ChildConfig& other) const {
        return name == other.name && worker == other.worker && local == other.local && remote == other.remote;
    }
    bool operator==(const ChildConfig&) const = default;
};

struct Lifetimes {
    Duration ike_rekey = std::chrono::hours(4);
    Duration child_rekey = std::chrono::hours(1);
    std::uint64_t child_bytes = std::uint64_t{64} * 1'000'000'000;
    bool operator==(const Lifetimes&) const = default;
};

struct Connection {
    ConnectionIndex index;
    CustomerIndex customer;
    std::string name;
    Auth auth = Auth::kPsk;
    // What `auth` takes, as authd has it. Another psk: the SAs made with the old one go. Another trust: the peers'
    // certificates are looked at again, and the SAs of those that are not good any more go (conformance KL10).
    // Another signer is a certificate of ours that was renewed: the peer has believed the old one, and they stay.
    SecretId psk = kNoSecret;
    SecretId signer = kNoSecret;  // our own certificate, or the customer's or the gateway's
    SecretId trust = kNoSecret;
    SecretId users = kNoSecret;
    SecretId ppk = kNoSecret;  // a postquantum preshared key (RFC 8784), and its name at both ends
    std::string ppk_identity;
    bool ppk_required = false;  // a peer without it is refused
    // Ours, where it is another than the customer's.
    std::optional<Identity> local_identity;
    ExpectedIdentity remote_identity;
    // The peer's address: nobody else is it, and we may begin. Absent: the peer comes to us, from anywhere.
    std::optional<IpAddress> remote_address;
    Start start = Start::kResponder;
    std::vector<ChildConfig> children;  // 1 to kMostChildren

    Policy ike = default_ike_policy();
    Policy child = default_child_policy();
    Pfs pfs = Pfs::kOptional;
    Lifetimes lifetimes;
    Duration reauth = Duration::zero();       // after which the peers prove anew who they are (RFC 4478); 0: never
    Duration dpd = std::chrono::seconds(30);  // 0: off
    bool mobike = true;                       // a peer that began may change its address (RFC 4555)
    bool fragmentation = true;
    std::size_t fragment_size = 1280;    // bytes of an IP packet; kLeastFragmentSize or more
    std::uint64_t replay_window = 8128;  // packets; 64 to that
    bool copies_dscp = false;            // to outer packets
    // Peers at once, each with an IKE_SA over all its rekeys. More than one: one identity may have several.
    std::uint32_t max_sessions = 1;
    std::vector<std::uint32_t> workers;  // the customer's, which are told what leads to a session

    // Networks of the addresses that peers lease, one of each family; none: peers bring their own.
    std::vector<Prefix> pool;
    ClientSettings clients;

    // What leads to a peer comes and goes with its session.
    [[nodiscard]] bool is_for_many() const { return max_sessions > 1 || !pool.empty(); }
    bool operator==(const Connection&) const = default;
};

inline constexpr std::size_t kAuthoritySize = 20;
inline constexpr std::size_t kMostAuthorities = 64;  // of a customer

// A customer, as far as it is found by what a peer sends.
struct CustomerConfig {
    CustomerIndex customer;
    std::string name;
    std::optional<Identity> identity;  // its IDr, which no other customer has
    std::vector<IpAddress> addresses;  // uplink addresses of its own: there IDr does not matter
    // Who issues its peers' certificates: SHA-1 of each SubjectPublicKeyInfo, kAuthoritySize bytes (RFC 7296 §3.7).
    std::vector<std::uint8_t> authorities{};
    std::vector<std::string> realms{};  // of the names that its peers have in EAP
    bool operator==(const CustomerConfig&) const = default;
};

}  // namespace warren::ike
