// What fleetd answers vpnctl about which group is where. For the sources of this directory.
#pragma once

#include <nlohmann/json.hpp>

#include "fleet/rim/configuration.h"

namespace warren::fleet {

[[nodiscard]] nlohmann::json answer_groups(const ConfigurationSocket::Look& look);
[[nodiscard]] nlohmann::json answer_plan(const nlohmann::json& question, const ConfigurationSocket::Look& look);
[[nodiscard]] nlohmann::json answer_wish(const nlohmann::json& question, const ConfigurationSocket::Ask& ask,
                                         const ConfigurationSocket::Look& look);

}  // namespace warren::fleet
