// Everything that `--json` prints: one document each, with the keys of the manual. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "config/diagnostic.h"
#include "config/load.h"
#include "config/schema.h"
#include "ctl/ask/control_client.h"
#include "ctl/ask/snapshot_client.h"
#include "ctl/show/listeners.h"
#include "ctl/show/reseller_use.h"
#include "ctl/show/routes.h"
#include "health/health.h"
#include "ipc/control_messages.h"

namespace warren::ctl {

// `use`: of the one customer that the snapshot has, where it is a reseller.
[[nodiscard]] std::string status_json(const Snapshot& snapshot, const StackdStatus& stackd,
                                      const std::vector<health::Finding>& findings,
                                      const std::optional<ResellerUse>& use = std::nullopt);
[[nodiscard]] std::string customers_json(const Snapshot& snapshot);
[[nodiscard]] std::string peers_json(const Snapshot& snapshot);
[[nodiscard]] std::string counters_json(const Snapshot& snapshot);
[[nodiscard]] std::string drops_json(const Snapshot& snapshot);
[[nodiscard]] std::string wg_json(const CustomerStatus& customer);
[[nodiscard]] std::string routes_json(const std::string& customer, const std::vector<StackRoute>& routes);
[[nodiscard]] std::string check_json(const config::Loaded& loaded);
// A daemon and its log level, "not running" when it has none.
struct DaemonLevel {
    std::string daemon;
    std::string level;
};
[[nodiscard]] std::string log_levels_json(const std::vector<DaemonLevel>& levels);
[[nodiscard]] std::string listeners_json(const std::vector<Listening>& listeners, const PreviousKeyUsers& users);
[[nodiscard]] std::string explain_json(const std::vector<const config::Key*>& keys);
[[nodiscard]] std::string control_json(const std::vector<ipc::ControlText>& texts, const ipc::ControlDone& done);

}  // namespace warren::ctl
