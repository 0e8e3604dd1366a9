// What vpnd and stackd report, as text for people. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ctl/ask/control_client.h"
#include "ctl/ask/snapshot_client.h"
#include "health/health.h"
#include "ipc/disabled_peers.h"

namespace warren::ctl {

[[nodiscard]] std::string_view name_of(ipc::PeerState state);
[[nodiscard]] std::string_view name_of(ipc::ConnectionState state);
[[nodiscard]] std::string_view state_of(const ipc::CustomerSnapshot& customer);
// A connection of IPsec among peers: it counts as one.
[[nodiscard]] ipc::PeerState peer_state_of(const ipc::ConnectionSnapshot& connection);
[[nodiscard]] std::uint32_t peer_count_of(const ipc::CustomerSnapshot& customer);
[[nodiscard]] std::uint32_t peers_online_of(const ipc::CustomerSnapshot& customer);
// What is routed to it, each once: its pools, and the routes of its children.
[[nodiscard]] std::vector<Prefix> networks_of(const ipc::ConnectionSettings& settings);
// All packets dropped, whatever the reason.
[[nodiscard]] std::uint64_t sum_of(const std::vector<ipc::DropCount>& drops);

// stackd's state, if it replies; whether all is well; then what is not.
[[nodiscard]] std::string health_text(const StackdStatus& stackd, const std::vector<health::Finding>& findings);
// The customers that should have peers and have none online, in a line; "" without any. That is no finding: what was
// before is not known here.
[[nodiscard]] std::string offline_text(const Snapshot& snapshot);
// Whose peer is the next to have no tunnel any more, of each customer with one within kExpiryNotice, in a line each.
[[nodiscard]] std::string expiry_text(const Snapshot& snapshot, WallTime now);
inline constexpr Duration kExpiryNotice = std::chrono::hours(24 * 14);
// The appliance in some lines, then the customers' table.
[[nodiscard]] std::string status_text(const Snapshot& snapshot);
// One customer in some lines, then its peers.
// `disabled`: of this customer; nothing: not known.
[[nodiscard]] std::string customer_text(const CustomerStatus& customer,
                                        const std::optional<ipc::DisabledPeers>& disabled = ipc::DisabledPeers{});
// Nothing when stackd did not tell: vpnd does not know them.
[[nodiscard]] std::optional<ipc::DisabledPeers> disabled_peers_of(const StackdStatus& stackd,
                                                                  const std::string& customer);
[[nodiscard]] std::string customers_text(const Snapshot& snapshot);
// Connections of IPsec too. With a column for the customer when there may be several.
[[nodiscard]] std::string peers_text(const Snapshot& snapshot, bool with_customer);
[[nodiscard]] std::string counters_text(const Snapshot& snapshot);
// A line per customer and reason, then a sentence per reason.
[[nodiscard]] std::string drops_text(const Snapshot& snapshot);

}  // namespace warren::ctl
