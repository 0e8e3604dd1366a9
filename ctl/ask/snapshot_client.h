// Requests snapshots from vpnd.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "ctl/ask/zones.h"
#include "ipc/snapshot.h"

namespace warren::ctl {

struct IkeSaStatus {
    ipc::IkeSaSnapshot ike_sa;
    std::vector<ipc::ChildSnapshot> children = {};
};

struct ConnectionStatus {
    ipc::ConnectionSnapshot connection;
    std::vector<IkeSaStatus> ike_sas = {};  // empty when they were not requested
};

struct CustomerStatus {
    ipc::CustomerSnapshot customer;
    std::vector<ipc::PeerSnapshot> peers;  // empty when they were not requested, like connections
    ZoneNames zones = {};                  // of their endpoints
    std::vector<ConnectionStatus> connections = {};
};

struct Snapshot {
    ipc::SnapshotHeader header;
    std::vector<CustomerStatus> customers;  // by id
    ZoneNames zones = {};                   // of the refused senders
};

// Attempts to bring connections of IPsec up.
struct Attempts {
    std::string customer;    // "": those that found no connection
    std::string connection;  // "": all of the customer's
    std::vector<ipc::AttemptSnapshot> attempts;
    ZoneNames zones = {};
    // Those of the connections that are not served, and why: nobody can try them.
    struct Unserved {
        std::string connection;
        std::string reason;
    };
    std::vector<Unserved> unserved = {};
};

// Over RUN_DIR/snapshot.sock. Asks once more when vpnd hangs up, as it does when customers are renamed meanwhile.
// kUnavailable: vpnd cannot be reached, hangs up again, or does not answer in time; kNotFound: no such customer;
// otherwise its reply is invalid. Blocks for at most kSnapshotTimeoutSeconds between two messages.
[[nodiscard]] Result<Snapshot> fetch_snapshot(const std::string& run_dir, const ipc::SnapshotRequest& request);
// Likewise. kNotFound: no such customer or connection.
[[nodiscard]] Result<Attempts> fetch_attempts(const std::string& run_dir, const ipc::AttemptsRequest& request);

inline constexpr int kSnapshotTimeoutSeconds = 10;

}  // namespace warren::ctl
