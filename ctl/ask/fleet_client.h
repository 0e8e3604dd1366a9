// Asks fleetd for the fleet's configuration, and proposes changes of it (fleet/rim/configuration.h).
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"

namespace warren::ctl {

struct FleetFile {
    std::string key;
    std::uint64_t changed = 0;        // etcd's revision
    std::optional<std::string> text;  // nothing: it is to be removed
};
struct FleetConfiguration {
    std::uint64_t revision = 0;  // etcd's
    std::uint64_t number = 0;    // of the fleet's revision; 0: it has none yet
    std::uint64_t number_changed = 0;
    std::vector<FleetFile> changed;
    std::set<std::string> keys;       // of all files
    std::vector<std::string> broken;  // keys
};
struct FleetAbout {
    std::uint64_t number = 0;
    std::string user;
    std::string node;
    std::int64_t wall_milliseconds = 0;
    std::string comment;
};
struct FleetDone {
    std::uint64_t number = 0;
    std::uint64_t changed = 0;
};
struct FleetProposal {
    std::uint64_t number = 0;  // the one that is in force
    std::uint64_t number_changed = 0;
    std::string user;
    std::string comment;
    std::vector<FleetFile> files;
};

// Each blocks for some seconds at most. kUnavailable: fleetd cannot be reached; kFailed: what it said, for instance
// that etcd does not answer. What comes is hostile: a key may be any text.
[[nodiscard]] Result<FleetConfiguration> fleet_configuration(const std::string& run_dir, std::uint64_t since);
[[nodiscard]] Result<FleetAbout> fleet_about(const std::string& run_dir, std::uint64_t changed);
// kConflict: something has changed since.
[[nodiscard]] Result<FleetDone> propose(const std::string& run_dir, const FleetProposal& proposal);
// Until the number moves, or for some seconds.
[[nodiscard]] Status wait_for_fleet(const std::string& run_dir);

}  // namespace warren::ctl
