// A connection of a protocol that has them, IKE's, as people see it: words and numbers. No secrets.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/drop_reason.h"
#include "base/ids.h"
#include "base/ip.h"
#include "base/time.h"

namespace warren::control {

// One CHILD_SA. Its bytes are its peer's, over all rekeys (dataplane::TrafficCounters).
struct ChildStatus {
    std::string name;
    PeerIndex peer;
    std::vector<std::string> local;  // traffic selectors: "10.0.0.0/24"
    std::vector<std::string> remote;
    SessionId spi_in;
    std::uint32_t spi_out = 0;
    std::string suite;
    Instant created;
    Instant next_rekey = kNever;
    Instant expires = kNever;
    bool is_replaced = false;  // it is received on until it is deleted
};

struct IkeSaStatus {
    std::uint64_t initiator_spi = 0;
    std::uint64_t responder_spi = 0;  // 0: it has not answered
    bool is_initiator = false;        // we are
    bool is_established = false;
    std::string local_identity;  // "": not known yet
    std::string remote_identity;
    Endpoint endpoint;
    LocalAddress local;
    std::uint16_t local_port = 0;
    bool peer_is_behind_nat = false;
    bool we_are_behind_nat = false;
    std::string suite;  // "": not chosen yet
    Instant created;
    Instant next_rekey = kNever;
    Instant expires = kNever;
    Instant last_heard = kLongAgo;  // anything authentic, packets too
    std::vector<ChildStatus> children;
};

enum class ConnectionState : std::uint8_t {
    kListening,   // the peer may come
    kConnecting,  // an exchange is under way, or there is an IKE_SA without a child
    kUp,          // a child carries packets
    kDown,        // it was up, or was tried, and is not
};

// How much of a ConnectionStatus is wanted.
enum class ConnectionDetail : std::uint8_t { kSummary, kIkeSas };

struct ConnectionStatus {
    ConnectionState state = ConnectionState::kListening;
    std::string reason;                   // of kDown, and of kConnecting when the last try failed
    std::uint32_t sessions = 0;           // IKE_SAs with a child that carries packets
    std::optional<Endpoint> endpoint;     // where the peer is; of several the one that came last
    Instant latest_handshake = kLongAgo;  // an SA was made; kLongAgo: never
    WallTime latest_handshake_wall;       // 0: never
    Instant next_attempt = kNever;        // ours
    std::string lost_because;             // control::LostBecause by name; "": it is up, or never was
    std::uint64_t rekeys = 0;             // of its IKE_SAs
    std::uint64_t failures = 0;           // attempts to bring it up that failed
    std::optional<DropReason> last_failure{};
    std::uint64_t sas_mark = 0;        // another one when there are other SAs
    std::vector<IkeSaStatus> ike_sas;  // none with ConnectionDetail::kSummary
};

// Somebody tried to connect, or we did.
struct Attempt {
    Now at{};
    Endpoint peer{};
    bool is_ours = false;
    std::optional<DropReason> failure{};  // nothing: it came up
    std::string peer_identity{};          // whom the peer says it is, as far as it said so
    std::string asked_identity{};         // whom it wants to reach
    std::string offered{};                // by the peer: proposals or selectors, whichever mattered
    std::string accepted{};               // what we would have taken
    std::string sentence{};               // for people
};

}  // namespace warren::control
