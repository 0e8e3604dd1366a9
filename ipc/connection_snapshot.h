// A connection of IKE's as vpnctl and statusd see it: its state, its SAs, the last attempts to bring it up. Knows no
// key.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/ip.h"
#include "base/time.h"
#include "ipc/fields.h"
#include "ipc/ipsec.h"

namespace warren::ipc {

// What a connection did.
struct ConnectionActivity {
    std::optional<Endpoint> endpoint;  // where its peer is; of several the one that came last
    WallTime latest_handshake{};       // 0 = never
    std::uint64_t rx_bytes = 0;        // encrypted payload messages, headers included, of all its children
    std::uint64_t tx_bytes = 0;
    std::string lost_because;    // control::LostBecause by name; "": it is up, or never was
    std::uint64_t rekeys = 0;    // of its IKE_SAs, since it was put
    std::uint64_t failures = 0;  // attempts to bring it up that failed, likewise
    std::string last_failure;    // a DropReason by name; "": the last attempt succeeded, or there was none
    MonthUsage month = {};

    bool operator==(const ConnectionActivity&) const = default;
};
void fields(auto& codec, Is<ConnectionActivity> auto& m) {
    codec(m.endpoint, m.latest_handshake, m.rx_bytes, m.tx_bytes, m.lost_because, m.rekeys, m.failures);
    codec(m.last_failure, m.month);
}

struct ConnectionSnapshot {
    ConnectionSettings settings;
    ConnectionState state = ConnectionState::kUnserved;
    std::string reason;          // of kDown and kUnserved, and of kConnecting when the last try failed
    std::uint32_t sessions = 0;  // that are up
    ConnectionActivity activity;
    // What follows from the activity and the time.
    std::optional<std::uint32_t> latest_handshake_seconds;  // age, absent = never
    std::optional<std::uint32_t> next_attempt_seconds;      // until we try again; absent: we do not
};
void fields(auto& codec, Is<ConnectionSnapshot> auto& m) {
    codec(m.settings, m.state, m.reason, m.sessions, m.activity, m.latest_handshake_seconds, m.next_attempt_seconds);
}

// An IKE_SA of the connection before it. Times count from the answer.
struct IkeSaSnapshot {
    std::uint64_t initiator_spi = 0;
    std::uint64_t responder_spi = 0;  // 0: it has not answered
    bool is_initiator = false;        // we are
    bool is_established = false;
    std::string local_identity;  // "": not known yet
    std::string remote_identity;
    Endpoint endpoint;
    Endpoint local;
    bool peer_is_behind_nat = false;
    bool we_are_behind_nat = false;
    std::string suite;  // "": not chosen yet
    std::uint32_t age_seconds = 0;
    std::optional<std::uint32_t> heard_seconds;   // since its peer was heard; absent: not yet
    std::optional<std::uint32_t> rekey_seconds;   // until we rekey it; absent: we do not
    std::optional<std::uint32_t> expiry_seconds;  // until it ends without a rekey; absent: it does not
};
void fields(auto& codec, Is<IkeSaSnapshot> auto& m) {
    codec(m.initiator_spi, m.responder_spi, m.is_initiator, m.is_established, m.local_identity, m.remote_identity);
    codec(m.endpoint, m.local, m.peer_is_behind_nat, m.we_are_behind_nat, m.suite, m.age_seconds, m.heard_seconds);
    codec(m.rekey_seconds, m.expiry_seconds);
}

// A CHILD_SA of the IKE_SA before it.
struct ChildSnapshot {
    std::string name;
    std::vector<std::string> local;  // traffic selectors: "10.0.0.0/24"
    std::vector<std::string> remote;
    std::uint32_t spi_in = 0;
    std::uint32_t spi_out = 0;
    std::string suite;
    std::uint64_t rx_bytes = 0;  // of this child over all its rekeys
    std::uint64_t tx_bytes = 0;
    std::uint32_t age_seconds = 0;
    std::optional<std::uint32_t> rekey_seconds;
    std::optional<std::uint32_t> expiry_seconds;
    // Children whose routes overlap are one peer of the data plane: what each has counted is of all of them.
    bool shares_counters = false;
    bool is_replaced = false;  // by a rekey, and received on until it is deleted
};
void fields(auto& codec, Is<ChildSnapshot> auto& m) {
    codec(m.name, m.local, m.remote, m.spi_in, m.spi_out, m.suite, m.rx_bytes, m.tx_bytes, m.age_seconds);
    codec(m.rekey_seconds, m.expiry_seconds, m.shares_counters, m.is_replaced);
}

// client: AttemptsRequest    vpnd: AttemptSnapshot*, SnapshotEnd; or SnapshotError
struct AttemptsRequest {
    std::string customer;    // "": those that found no connection
    std::string connection;  // "": all of the customer's
};
void fields(auto& codec, Is<AttemptsRequest> auto& m) {
    codec(m.customer, m.connection);
}

// Somebody tried to connect, or we did. Of each connection the oldest first.
struct AttemptSnapshot {
    std::string connection;  // ""; no connection was found
    WallTime at{};
    Endpoint endpoint;            // of the peer
    bool is_initiator = false;    // we are
    std::string failure;          // a DropReason by name; "": it came up
    std::string remote_identity;  // whom the peer says it is; "": it did not come so far
    std::string asked_identity;   // whom it wants to reach; "": likewise, or it did not say
    std::string offered;          // by the peer: proposals or selectors, whichever mattered
    std::string accepted;         // what we would have taken
    std::string sentence;         // for people
};
void fields(auto& codec, Is<AttemptSnapshot> auto& m) {
    codec(m.connection, m.at, m.endpoint, m.is_initiator, m.failure, m.remote_identity, m.asked_identity, m.offered);
    codec(m.accepted, m.sentence);
}

}  // namespace warren::ipc
