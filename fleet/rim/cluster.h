// What fleetd answers vpnctl about the nodes themselves: etcd's members, who may read secrets, and certificates. For
// the sources of this directory.
#pragma once

#include <nlohmann/json.hpp>

#include "fleet/rim/configuration.h"

namespace warren::fleet {

[[nodiscard]] nlohmann::json answer_members(const ConfigurationSocket::Ask& ask);
// "member_add" of a "url", as a learner; "member_promote" and "member_remove" of an "id".
[[nodiscard]] nlohmann::json answer_member(const nlohmann::json& question, const ConfigurationSocket::Ask& ask);
[[nodiscard]] nlohmann::json answer_papers(const ConfigurationSocket::Ask& ask);
[[nodiscard]] nlohmann::json answer_put_paper(const nlohmann::json& question, const ConfigurationSocket::Ask& ask);

}  // namespace warren::fleet
