// stackd <-> vpnd: one configuration generation as a sequence of messages on a SEQPACKET channel. vpnd sends only
// replies.
//
//   stackd: Hello
//   vpnd:   Holding*, HoldingEnd
//   stackd: Begin, (PutListener | PutCustomer PutPeer* | RemoveCustomer | RemoveListener)*, Commit
//   vpnd:   Applied or Rejected
//
// A Put replaces what has the same name; a Put of something unchanged keeps its sessions. Nothing takes effect before
// Commit; a Rejected generation changes nothing. A fresh vpnd receives everything (Begin.full), an established one only
// what changed. vpnd sends Applied when every data worker has passed the generation, so stackd sends an empty
// generation with the number of the last one as a liveness probe.
//
// vpnd outlives stackd: when the channel breaks it keeps forwarding and waits on the adoption listener that came with
// Hello. A new stackd connects there, sends Hello, receives the descriptors that vpnd holds (Holding), and puts its
// generation with has_tun and has_sockets false for those.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/fd.h"
#include "base/ip.h"
#include "base/log_level.h"
#include "base/result.h"
#include "crypto/keys.h"

namespace warren::ipc {

// As many as a receiver index can name beside the handshake socket.
inline constexpr std::uint32_t kMaxWorkers = 63;

// The first message of stackd, once per connection. Descriptors on the first connection, none later: the snapshot
// listener, then the adoption listener (both SEQPACKET, non-blocking), then RUN_DIR/timestamps: a regular file (0600,
// opened read-write, made empty when absent, never removed while the run-dir lives) in which vpnd keeps each peer's
// latest TAI64N over restarts of either process (conformance H7).
struct Hello {
    std::string appliance;
    std::string version;
    std::uint32_t workers = 1;
    LogLevel log_level = LogLevel::kInfo;
};

// Allowed at any time after Hello, also inside a generation. Applied at once; there is no reply.
struct SetLogLevel {
    LogLevel level = LogLevel::kInfo;
};

// One thing vpnd has, with its descriptors in the order of PutListener or PutCustomer.
struct Holding {
    enum class Kind : std::uint8_t { kListener, kCustomer };
    Kind kind = Kind::kCustomer;
    std::string id;
    std::uint16_t port = 0;  // kListener
    bool has_v6 = false;     // kListener
};
struct HoldingEnd {
    std::uint64_t generation = 0;  // the last Applied, 0 = none
    std::uint32_t workers = 1;  // data workers, as the Hello that started vpnd said; a later Hello does not change them
};

struct Begin {
    std::uint64_t generation = 0;
    bool full = false;  // everything that is not put again before Commit is removed
};

// Descriptors, in this order: for IPv4, then for IPv6 when `has_v6`: the handshake socket, then one data socket per
// worker (the order they were bound in, which the steering program relies on); last the UAPI listener (stream). All are
// bound, non-blocking, with UDP_GRO and PKTINFO on. When a listener of this name exists and the port is the same, no
// sockets are passed (`has_sockets` false) and the present ones stay.
struct PutListener {
    std::string id;  // "" = the shared one, else the customer's id
    std::uint16_t port = 0;
    crypto::PrivateKey private_key;
    bool has_sockets = true;
    bool has_v6 = true;
};

// Followed by `peer_count` PutPeer messages. Descriptors: the queues of the customer's TUN in their order,
// non-blocking, when `has_tun`; else the present ones stay, as many.
struct PutCustomer {
    std::string id;
    std::string name;
    std::string listener;    // PutListener.id
    bool suspended = false;  // no tunnel is served; sessions are dropped
    std::uint16_t mtu = 1420;
    std::vector<Prefix> addresses;  // of the stack, for ICMP errors into it and for status
    std::uint64_t rate_up = 0;      // bits per second from its sites into the stack, 0 = no limit
    std::uint64_t rate_down = 0;    // and from the stack to its sites
    std::uint16_t share = 1;        // weight against other customers, at least 1
    std::uint32_t peer_count = 0;
    bool has_tun = true;
    std::uint16_t queues = 1;  // of the TUN, at most as many as there are data workers
};

// Belongs to the last PutCustomer. Only enabled peers are sent.
struct PutPeer {
    std::string name;
    crypto::PublicKey public_key;
    crypto::PresharedKey preshared_key;  // zero = none
    std::vector<Prefix> allowed_ips;
    std::optional<Endpoint> endpoint;
    std::uint16_t persistent_keepalive_seconds = 0;
    std::uint16_t queue = 0;  // of the customer's TUN: carries the packets to this peer and from it
};

struct RemoveCustomer {
    std::string id;
};
struct RemoveListener {
    std::string id;
};
struct Commit {
    std::uint64_t generation = 0;
};

struct Applied {
    std::uint64_t generation = 0;
};
struct Rejected {
    std::uint64_t generation = 0;
    std::string reason;
};

using ConfigMessage = std::variant<Hello, Holding, HoldingEnd, Begin, PutListener, PutCustomer, PutPeer, RemoveCustomer,
                                   RemoveListener, Commit, Applied, Rejected, SetLogLevel>;

// `wire` is wiped and reused by the caller: it may hold keys. Fails when the message is larger than kMaxMessageSize
// (ipc/channel.h).
[[nodiscard]] Status encode(const ConfigMessage& message, std::vector<std::uint8_t>& wire);
// Refuses trailing bytes, unknown types, lengths and values out of range; never aborts.
[[nodiscard]] Result<ConfigMessage> decode(Bytes wire);

}  // namespace warren::ipc
