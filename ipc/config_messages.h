// stackd <-> vpnd: one configuration generation as a sequence of messages on a SEQPACKET channel. vpnd sends only
// replies, but for NeedTunnel and LeftTunnel, which come at any time.
//
//   stackd: Hello
//   vpnd:   (HoldingListener | HoldingCustomer)*, HoldingEnd
//   stackd: Begin, (RenameCustomer | PutListener | PutCustomer (PutPeer PutPrefixes*)* PutConnection* |
//           RemoveCustomer | RemoveListener | ResetPeer | OperateConnection)*, Commit
//   vpnd:   Applied or Rejected
//
// A Put replaces what has the same name; a Put of something unchanged keeps its sessions. Nothing takes effect before
// Commit; a Rejected generation changes nothing. A fresh vpnd receives everything (Begin.full), an established one only
// what changed. vpnd sends Applied when every data worker has passed the generation, so stackd sends an empty
// generation with the number of the last one as a liveness probe.
//
// vpnd outlives stackd: when the channel breaks it keeps forwarding and waits on the adoption listener that came with
// Hello. A new stackd connects there, sends Hello, receives the descriptors that vpnd holds (HoldingListener,
// HoldingCustomer), and puts its generation without roles and with has_tun false for those.
//
// A customer that may be parked (CustomerSettings::park_after_seconds) needs no TUN while no packet comes for its
// stack. Packets that come wait in vpnd, a few and not for long.
//   vpnd:   NeedTunnel: a peer's packet is there, authentic and from an address of the peer's
//   stackd: PutTunnel, when the stack is there
//   vpnd:   LeftTunnel: no packet came or went for long; vpnd has closed its TUN, and a packet makes it ask again
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/fd.h"
#include "base/ids.h"
#include "base/log_level.h"
#include "base/result.h"
#include "ipc/fields.h"
#include "ipc/ipsec.h"
#include "ipc/listener.h"
#include "ipc/settings.h"
#include "ipc/tunnel.h"

namespace warren::ipc {

// As many as a receiver index can name beside the handshake socket.
inline constexpr std::uint32_t kMaxWorkers = 63;

// Of a peer's allowed_ips: what one message carries (72,000 bytes of IPv6), and what a peer and a customer may have.
inline constexpr std::size_t kPrefixesPerMessage = 4'000;
inline constexpr std::size_t kMaxPrefixesPerPeer = 20'000;
inline constexpr std::size_t kMaxPrefixesPerCustomer = 200'000;

// NeedTunnel messages that are not answered yet.
inline constexpr std::size_t kMostTunnelWishes = 32;

// The first message of stackd, once per connection. Descriptors on the first connection: the snapshot listener, then
// the adoption listener (both SEQPACKET, non-blocking), then two regular files (0600, opened read-write, made empty
// when absent, never removed while the run-dir lives) in which vpnd keeps what outlives it: RUN_DIR/timestamps, each
// peer's latest TAI64N (conformance H7) and our own (H9); RUN_DIR/peers, where each peer was last and who had which
// address of a pool; and last the memory file in which vpnd keeps its sessions for the next vpnd (vpnd/kept_memory.h).
// On later connections only that memory file, which is a new and empty one.
struct Hello {
    std::string appliance;
    std::string version;
    std::uint32_t workers = 1;
    LogLevel log_level = LogLevel::kInfo;
};
void fields(auto& codec, Is<Hello> auto& m) {
    codec(m.appliance, m.version, m.workers, m.log_level);
}

// Allowed at any time after Hello, also inside a generation. Applied at once; there is no reply.
struct SetLogLevel {
    LogLevel level = LogLevel::kInfo;
};
void fields(auto& codec, Is<SetLogLevel> auto& m) {
    codec(m.level);
}

// At any time after Hello, as SetLogLevel. One descriptor: a channel to authd, which takes the place of the last one
// (ipc/auth_messages.h).
struct PutAuthChannel {};
void fields(auto& /*codec*/, Is<PutAuthChannel> auto& /*m*/) {}

// At any time after Hello, as SetLogLevel. One descriptor: the file (0600, opened read-write, made empty when absent)
// in which vpnd keeps what customers used in this month of UTC (base/usage_record.h). It takes the place of the last
// one.
struct PutUsageFile {
    std::uint32_t month = 0;  // 202611
};
void fields(auto& codec, Is<PutUsageFile> auto& m) {
    codec(m.month);
}

// At any time after Hello, as SetLogLevel; there is no reply. One descriptor: a socket that takes records of the
// customer's packets from now on (ipc/capture.h), whose first record says whether vpnd agrees. Whoever has the other
// end closes it to end it.
struct StartCapture {
    std::string customer;
    std::string peer;  // of this one alone, or of this connection; "": of all
};
void fields(auto& codec, Is<StartCapture> auto& m) {
    codec(m.customer, m.peer);
}

// A listener that vpnd has, with its descriptors in the order of `roles`.
struct HoldingListener {
    ListenerId id;
    Protocol protocol = Protocol::kUdp;
    std::uint16_t port = 0;
    std::vector<DescriptorRole> roles;
};
void fields(auto& codec, Is<HoldingListener> auto& m) {
    codec(m.id, m.protocol, m.port, m.roles);
}

// The TUN of a parked customer: one descriptor, as of PutCustomer. At any time after Hello, as SetLogLevel; there is no
// reply. Of a customer that has one, or that is not there (any more), it is ignored.
struct PutTunnel {
    std::string customer;
};
void fields(auto& codec, Is<PutTunnel> auto& m) {
    codec(m.customer);
}

// See above. One that is not answered within 5 s counts no more.
struct NeedTunnel {
    std::string customer;
};
void fields(auto& codec, Is<NeedTunnel> auto& m) {
    codec(m.customer);
}
// What vpnd had from stackd by then: its last generation, and how many PutTunnel since Hello. When stackd has sent
// more, vpnd may have a TUN again.
struct LeftTunnel {
    std::string customer;
    std::uint64_t generation = 0;
    std::uint64_t tunnels = 0;
};
void fields(auto& codec, Is<LeftTunnel> auto& m) {
    codec(m.customer, m.generation, m.tunnels);
}

// A customer that vpnd has, with its descriptors in the order of PutCustomer; a parked one has none.
struct HoldingCustomer {
    std::string id;
};
void fields(auto& codec, Is<HoldingCustomer> auto& m) {
    codec(m.id);
}

struct HoldingEnd {
    std::uint64_t generation = 0;  // the last Applied, 0 = none
    std::uint32_t workers = 1;  // data workers, as the Hello that started vpnd said; a later Hello does not change them
};
void fields(auto& codec, Is<HoldingEnd> auto& m) {
    codec(m.generation, m.workers);
}

struct Begin {
    std::uint64_t generation = 0;
    bool full = false;  // everything that is not put again before Commit is removed
};
void fields(auto& codec, Is<Begin> auto& m) {
    codec(m.generation, m.full);
}

// Descriptors in the order of `roles` (check_roles()). None: the listener exists, its protocol and port are the same,
// and the present sockets stay.
struct PutListener {
    ListenerId id;
    Protocol protocol = Protocol::kUdp;
    std::uint16_t port = 0;
    ListenerSettings settings;
    std::vector<DescriptorRole> roles;
};
void fields(auto& codec, Is<PutListener> auto& m) {
    codec(m.id, m.protocol, m.port, m.settings, m.roles);
}

// Followed by `peer_count` PutPeer and `connection_count` PutConnection messages, in any order. Descriptors: the queues
// of the customer's TUN in their order, non-blocking, when `has_tun`; else the present ones stay, as many, or none of a
// customer that is or may be parked.
struct PutCustomer {
    CustomerSettings settings;
    std::uint32_t peer_count = 0;
    bool has_tun = true;
    std::uint16_t queues = 1;  // of the TUN, at most as many as there are data workers
    std::uint32_t connection_count = 0;
    std::optional<IpsecCustomer> ipsec = {};  // absent: there are no connections
    // What leaves to its peers does so from these, at most one of a family, and from nowhere else; none: from any.
    std::vector<IpAddress> sources = {};
};
void fields(auto& codec, Is<PutCustomer> auto& m) {
    codec(m.settings, m.peer_count, m.has_tun, m.queues, m.connection_count, m.ipsec, m.sources);
}

// Belongs to the last PutCustomer. Only enabled peers are sent.
struct PutPeer {
    PeerSettings settings;  // its first allowed_ips, at most kPrefixesPerMessage
    PeerTunnel tunnel;
    std::uint16_t queue = 0;            // of the customer's TUN: carries the packets to this peer and from it
    std::uint32_t prefixes_follow = 0;  // more allowed_ips, in the PutPrefixes messages that come next
    // The allowed_ips are those that vpnd has of the customer's peer with this name; none are sent.
    bool same_prefixes = false;
    // Another node of the fleet saw it there and had a session with it: it gets an initiation, in turn.
    std::optional<Endpoint> seen_elsewhere = {};

    bool operator==(const PutPeer&) const = default;
};
void fields(auto& codec, Is<PutPeer> auto& m) {
    codec(m.settings, m.tunnel, m.queue, m.prefixes_follow, m.same_prefixes, m.seen_elsewhere);
}

// More allowed_ips of the last PutPeer, 1 to kPrefixesPerMessage; only as many as it announced.
struct PutPrefixes {
    std::vector<Prefix> prefixes;
};
void fields(auto& codec, Is<PutPrefixes> auto& m) {
    codec(m.prefixes);
}

// Belongs to the last PutCustomer, like PutPeer, and takes the place of the customer's connection with this name. Only
// enabled connections are sent; one that is not is gone. They come to the appliance's listener of IKE.
struct PutConnection {
    ConnectionSettings settings;
    SecretId psk = kNoSecret;    // of IpsecAuth::kPsk
    SecretId ppk = kNoSecret;    // kNoSecret: none
    SecretId users = kNoSecret;  // of IpsecAuth::kEapMschapv2
    std::uint16_t queue = 0;     // of the customer's TUN

    bool operator==(const PutConnection&) const = default;
};
void fields(auto& codec, Is<PutConnection> auto& m) {
    codec(m.settings, m.psk, m.ppk, m.users, m.queue);
}

struct RemoveCustomer {
    std::string id;
};
void fields(auto& codec, Is<RemoveCustomer> auto& m) {
    codec(m.id);
}

struct RemoveListener {
    ListenerId id;
};
void fields(auto& codec, Is<RemoveListener> auto& m) {
    codec(m.id);
}

// Begin anew with this peer: sessions end, its latest timestamp and its endpoint are forgotten. An unknown one is
// ignored.
struct ResetPeer {
    std::string customer;
    std::string peer;  // its name, or a connection's
};
void fields(auto& codec, Is<ResetPeer> auto& m) {
    codec(m.customer, m.peer);
}

// Once, when this generation comes into force. Of an unknown connection it is ignored.
struct OperateConnection {
    std::string customer;
    std::string connection;
    ConnectionAction action = ConnectionAction::kRekey;
};
void fields(auto& codec, Is<OperateConnection> auto& m) {
    codec(m.customer, m.connection, m.action);
}

// The customer has another id from this generation on, and so has its own listener; nothing else of it changes:
// tunnels, sessions and counters stay. All of a generation come into force together and before everything else of it,
// so names may change places, and a Put of the generation uses the new one. Rejected when there is neither a
// customer `from` nor a listener of it, or `to` is another's that keeps it.
struct RenameCustomer {
    std::string from;
    std::string to;
};
void fields(auto& codec, Is<RenameCustomer> auto& m) {
    codec(m.from, m.to);
}

struct Commit {
    std::uint64_t generation = 0;
};
void fields(auto& codec, Is<Commit> auto& m) {
    codec(m.generation);
}

struct Applied {
    std::uint64_t generation = 0;
};
void fields(auto& codec, Is<Applied> auto& m) {
    codec(m.generation);
}

struct Rejected {
    std::uint64_t generation = 0;
    std::string reason;
};
void fields(auto& codec, Is<Rejected> auto& m) {
    codec(m.generation, m.reason);
}

using ConfigMessage = std::variant<Hello, HoldingListener, HoldingCustomer, HoldingEnd, Begin, PutListener, PutCustomer,
                                   PutPeer, RemoveCustomer, RemoveListener, Commit, Applied, Rejected, SetLogLevel,
                                   ResetPeer, RenameCustomer, PutPrefixes, PutConnection, OperateConnection,
                                   PutAuthChannel, PutUsageFile, StartCapture, PutTunnel, NeedTunnel, LeftTunnel>;

// `wire` is wiped and reused by the caller: it may hold keys. Fails when the message is larger than kMaxMessageSize
// (ipc/channel.h).
[[nodiscard]] Status encode(const ConfigMessage& message, std::vector<std::uint8_t>& wire);
// Refuses trailing bytes, unknown types, lengths and values out of range; never aborts.
[[nodiscard]] Result<ConfigMessage> decode(Bytes wire);

}  // namespace warren::ipc
