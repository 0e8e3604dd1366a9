// What every protocol's control engine takes and gives, and the interface that the rim drives it by.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/drop_reason.h"
#include "base/ids.h"
#include "base/ip.h"
#include "base/time.h"
#include "vpnd/control/connection_status.h"
#include "vpnd/control/refusals.h"
#include "vpnd/control/session_keeper.h"
#include "vpnd/dataplane/install.h"

namespace warren::control {

// --- input ---------------------------------------------------------------------------------------

// How a datagram arrived.
struct Arrival {
    Endpoint from;
    LocalAddress to;
    std::uint16_t to_port = 0;  // ours, where an engine has several; else 0
};

// --- output --------------------------------------------------------------------------------------

// A command and the data worker that carries it out.
struct PostedCommand {
    std::uint32_t worker = 0;
    dataplane::Command command;
};

// What must survive a restart: kept before the messages leave. Its form is the protocol's.
struct Record {
    PeerIndex peer;
    std::vector<std::uint8_t> bytes;
};

// One datagram to send.
struct OutgoingMessage {
    Endpoint to;
    LocalAddress from;               // unspecified address: let the kernel choose
    std::uint8_t traffic_class = 0;  // of the outer packet
    std::vector<std::uint8_t> bytes;
    std::uint16_t from_port = 0;  // ours, where an engine has several; else 0
    bool pinned = false;          // it leaves from `from`, which has the family of `to`, or not at all

    [[nodiscard]] Bytes view() const { return bytes; }
};

// A session is ready in both directions: as initiator when the response was consumed, as responder when the peer
// confirmed it.
struct HandshakeCompleted {
    PeerIndex peer;
    bool is_initiator = false;
    Now at;
    Endpoint endpoint;
};
// The peer did not answer for as long as the protocol tries; its staged packets are dropped.
struct HandshakeGaveUp {
    PeerIndex peer;
    Now at;
    Endpoint endpoint;
};
// The peer is somewhere else now.
struct PeerMoved {
    PeerIndex peer;
};
// A session with the peer that began in an earlier process goes on.
struct PeerResumed {
    PeerIndex peer;
};
// Why there is no session with a peer, where there was one.
enum class LostBecause : std::uint8_t {
    kSilent,      // it did not renew its session, nor answer ours
    kKeyChanged,  // our private key did
    kRestarted,   // we were, and it has not come back since
    kDeleted,     // the peer ended it
    kExpired,     // the peer did not renew it, and refused when we would
    kStopped,     // an operator did, or a change of its configuration
    kPastDate,    // the configuration says until when it has a tunnel
};
[[nodiscard]] constexpr std::string_view name_of(LostBecause reason) {
    switch (reason) {
        case LostBecause::kSilent: return "silent";
        case LostBecause::kKeyChanged: return "key_changed";
        case LostBecause::kRestarted: return "restarted";
        case LostBecause::kDeleted: return "deleted";
        case LostBecause::kExpired: return "expired";
        case LostBecause::kStopped: return "stopped";
        case LostBecause::kPastDate: return "past_date";
    }
    return "";
}
struct PeerLost {
    PeerIndex peer;
    LostBecause reason = LostBecause::kSilent;
    Now at;
};
// The peer proved who it is and was refused all the same.
struct HandshakeRefused {
    PeerIndex peer;
    DropReason reason;
    // How far what the peer showed before is ahead of our clock; none or negative: it is not. Until our clock is there
    // nothing newer can come from a peer whose clock is right.
    std::chrono::seconds ahead{};
    Now at;
};
// The peer was here, there, here again, several times: two machines may use its key.
struct PeerFlaps {
    PeerIndex peer;
    Endpoint here;
    Endpoint there;
    Now at;
};
// What is shown of its connection is another (ConnectionStatus), and no other news says so.
struct ConnectionChanged {
    PeerIndex peer;  // one of it
};
using PeerNews = std::variant<HandshakeCompleted, HandshakeGaveUp, PeerMoved, PeerResumed, PeerLost, HandshakeRefused,
                              PeerFlaps, ConnectionChanged>;

// The engine appends, the rim empties. Carry out in this order: a session is received on before the message that lets
// the peer use it leaves, and what a restart must not forget is kept before the peer can rely on it.
struct Output {
    std::vector<PostedCommand> commands;
    std::vector<Record> records;
    std::vector<OutgoingMessage> messages;
    std::vector<PeerNews> news;

    void clear() {
        commands.clear();
        records.clear();
        messages.clear();
        news.clear();
    }
};

// --- state ---------------------------------------------------------------------------------------

// One peer, for people.
struct PeerStatus {
    std::optional<Endpoint> endpoint;                 // where the peer is now, as far as the engine knows
    bool has_session = false;                         // that is sent on
    LostBecause lost_because = LostBecause::kSilent;  // without one
    Instant latest_handshake = kLongAgo;              // completed; kLongAgo: never
    WallTime latest_handshake_wall;                   // 0: never
    std::optional<Endpoint> flaps_with;               // the other one, after PeerFlaps
    bool is_handshaking = false;                      // we initiated and wait for the answer
    std::uint64_t refused_as_old = 0;  // handshakes that the peer began and was refused, though it is authentic
    std::uint64_t refused_as_too_soon = 0;
    std::chrono::seconds newest{};        // the time that the peer showed last, since 1970: it must show a later one
    bool uses_next_key = false;           // in its latest handshake, of two keys that it may have
    bool uses_previous_identity = false;  // the same, of two of ours
    bool is_expired = false;              // has no tunnel any more
};

// Since the engine was made.
struct EngineCounters {
    std::uint64_t handshakes_initiated = 0;  // by either side; our repetitions are not counted
    std::uint64_t handshakes_completed = 0;
    DropCounters drops;
};

// How many SAs an engine of connections has now.
struct SaCounts {
    std::size_t half_open = 0;  // IKE_SAs whose peer is not known yet
    std::size_t ike_sas = 0;    // established
    std::size_t child_sas = 0;
};

// What the cheapest checks tell of a datagram.
enum class Standing : std::uint8_t {
    kRefused,   // and counted: handle_datagram() would drop it
    kStranger,  // whoever sent it may have made up its source address
    kProven,    // its sender receives at its address, or answers a message of ours
};

// The control protocol of one listener. No I/O, no clock: time and bytes are arguments, values come out. Every call
// appends to `out` and never empties it; a peer that was removed or never known is ignored. After every call,
// next_deadline() may be earlier. A virtual call per control message: packets never pass here. Peers and keys are put
// in by the protocol's own calls. Thread rule: the control worker only.
class Engine {
  public:
    virtual ~Engine() = default;

    // Whether handling this datagram may cost public-key work: then it waits its turn, others are handled at once.
    [[nodiscard]] virtual bool is_expensive(Bytes datagram) const = 0;
    // The cheapest checks alone, before a datagram may wait.
    [[nodiscard]] virtual Standing standing_of(Now now, const Arrival& arrival, Bytes datagram) = 0;
    // A datagram that carries no packet: cheap checks first; nothing changes but counters unless it is authentic.
    virtual void handle_datagram(Now now, const Arrival& arrival, Bytes datagram, Output& out) = 0;
    virtual void handle_event(Now now, const dataplane::Event& event, Output& out) = 0;
    // Does what is due. Call at or after next_deadline().
    virtual void handle_timeout(Now now, Output& out) = 0;
    [[nodiscard]] virtual Instant next_deadline() const = 0;  // kNever when idle
    // Its sessions are retired.
    virtual void remove_peer(Now now, PeerIndex peer, Output& out) = 0;

    // How many datagrams wait at this listener, the ones just read included; told before a batch is handed over.
    virtual void set_queue_length(std::size_t waiting) = 0;
    [[nodiscard]] virtual bool under_load(Now now) const = 0;

    // How peers know us here, as people write it: WireGuard's public key in base64.
    [[nodiscard]] virtual std::string identity() const = 0;
    // A second one that peers may know us by, "": there is none.
    [[nodiscard]] virtual std::string previous_identity() const { return {}; }
    [[nodiscard]] virtual std::optional<PeerStatus> peer_status(PeerIndex peer) const = 0;
    // Nothing: it does not serve this connection.
    [[nodiscard]] virtual std::optional<ConnectionStatus> connection_status(ConnectionIndex /*connection*/,
                                                                            ConnectionDetail /*detail*/) const {
        return std::nullopt;
    }
    // The last attempts to bring the connection up, oldest first.
    [[nodiscard]] virtual std::vector<Attempt> attempts(ConnectionIndex /*connection*/) const { return {}; }
    // Of those for which no connection was found.
    [[nodiscard]] virtual std::vector<Attempt> strangers_attempts() const { return {}; }
    [[nodiscard]] virtual EngineCounters totals() const = 0;
    // Zeros: it has no connections.
    [[nodiscard]] virtual SaCounts sa_counts() const { return {}; }
    // Who was refused lately.
    [[nodiscard]] virtual std::vector<Refusal> refusals() const { return {}; }
    // Of these, what a log should be told (Refusals::tell()).
    [[nodiscard]] virtual bool has_refusals_to_tell() const { return false; }
    [[nodiscard]] virtual std::vector<Refusals::Told> tell_refusals(Instant /*now*/, std::size_t /*most*/) {
        return {};
    }
    // The peer's name in the table of kept sessions, that of the keys of this session where there are several, and
    // where it is. Nothing: its sessions end with this process.
    [[nodiscard]] virtual std::optional<KeptPeer> kept_peer(PeerIndex /*peer*/, SessionId /*session*/) const {
        return std::nullopt;
    }
    // The same for a session that begins, where a peer has several that are told apart.
    [[nodiscard]] virtual std::optional<KeptPeer> kept_session(const dataplane::InstallSession& session) const {
        return kept_peer(session.peer, session.local_id);
    }
};

// Work that an engine's messages need and that may be done beforehand, while nothing waits.
class IdleWork {
  public:
    virtual ~IdleWork() = default;
    [[nodiscard]] virtual bool is_done() const = 0;
    // A little of it, a quarter of a millisecond at most.
    virtual void step() = 0;
};

}  // namespace warren::control
