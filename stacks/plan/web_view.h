// What the status page and vpnctl are told of the customers' stacks: functions of the configuration and of what stackd
// could not do. Pure.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "config/generation.h"
#include "ipc/control_messages.h"
#include "ipc/web_stacks.h"

namespace warren::stacks {

// The customers whose stacks are not as configured, as health/ decides it.
[[nodiscard]] std::set<std::string> incomplete_stacks(const std::vector<ipc::ControlText>& problems);
// One for each customer; those of `incomplete` are not complete.
[[nodiscard]] std::vector<ipc::WebStack> web_stacks_of(const config::Generation& generation,
                                                       const std::set<std::string>& incomplete);
// A fact for each customer that has disabled peers (ipc/disabled_peers.h): all names, as far as a text carries them,
// for `customer`, the first few for others. `customer` not empty: for no other.
[[nodiscard]] std::vector<ipc::ControlText> disabled_peers_of(const config::Generation& generation,
                                                              const std::string& customer);

}  // namespace warren::stacks
