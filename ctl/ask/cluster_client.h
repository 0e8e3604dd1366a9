// Asks fleetd about the nodes themselves: etcd's members, the roster and certificates (fleet/rim/cluster.h).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace warren::ctl {

struct ClusterMember {
    std::string id;
    std::string name;
    std::vector<std::string> urls;
    bool is_learner = false;
};
struct FleetPaper {
    std::uint64_t changed = 0;  // etcd's revision; 0: there is none
    std::string text;
};
// By key: "roster", "certificates/NODE".
using FleetPapers = std::map<std::string, FleetPaper>;

// Each blocks for some seconds at most. Errors as in ctl/ask/fleet_client.h.
[[nodiscard]] Result<std::vector<ClusterMember>> cluster_members(const std::string& run_dir);
[[nodiscard]] Status add_learner(const std::string& run_dir, const std::string& url);
// kFailed: it has not got everything yet, for instance because it does not run.
[[nodiscard]] Status promote_learner(const std::string& run_dir, const std::string& id);
[[nodiscard]] Status remove_member(const std::string& run_dir, const std::string& id);
[[nodiscard]] Result<FleetPapers> fleet_papers(const std::string& run_dir);
// kConflict: it was changed since `changed`. Without a text it is removed.
[[nodiscard]] Status put_fleet_paper(const std::string& run_dir, const std::string& key, std::uint64_t changed,
                                     const std::optional<std::string>& text);

}  // namespace warren::ctl
