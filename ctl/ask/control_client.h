// Sends requests to stackd.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "ipc/control_messages.h"
#include "ipc/disabled_peers.h"

namespace warren::ctl {

// Over RUN_DIR/control.sock. `on_text` gets each piece of the answer as it arrives. `descriptors` go with the request,
// and stay the caller's. `patience`: how many seconds to wait for a piece; 0: there is no limit, because a change of
// many customers takes long. kUnavailable: stackd cannot be reached, went away, or does not answer in time.
[[nodiscard]] Result<ipc::ControlDone> send_request(const std::string& run_dir, const ipc::ControlRequest& request,
                                                    const std::function<void(const ipc::ControlText&)>& on_text,
                                                    const std::vector<int>& descriptors = {}, int patience = 0);

// The same over RUN_DIR-fleet/fleetd.sock, to fleetd.
[[nodiscard]] Result<ipc::ControlDone> ask_fleetd(const std::string& run_dir, const ipc::ControlRequest& request,
                                                  const std::function<void(const ipc::ControlText&)>& on_text);

// The configuration in force waits for `vpnctl confirm`.
struct Unconfirmed {
    std::uint64_t base = 0;  // the revision that comes back
    std::uint64_t seconds_left = 0;
};

// stackd's state, and what it could not do.
struct StackdStatus {
    std::string silence;  // why it does not reply; "" when it does
    std::vector<std::string> facts;
    std::vector<ipc::ControlText> problems;
    std::map<std::string, ipc::DisabledPeers> disabled_peers;  // by customer; none: it has none
    std::optional<Unconfirmed> unconfirmed = std::nullopt;
    bool runs = false;  // somebody has the socket; with a silence: and does not reply in time
    std::optional<std::uint64_t> revision = std::nullopt;  // in force; 0: not kept, or not yet; nothing: it keeps none
};
// The first line of what the customer's stack lacks; "": it lacks nothing, as far as stackd says.
[[nodiscard]] std::string stack_problem_of(const StackdStatus& stackd, const std::string& customer);
// Waits for a few seconds at the most: stackd may be in the middle of an apply. `customer`: whose disabled peers are
// all asked for; "": the first few of each customer.
[[nodiscard]] StackdStatus request_status(const std::string& run_dir, const std::string& customer);

}  // namespace warren::ctl
