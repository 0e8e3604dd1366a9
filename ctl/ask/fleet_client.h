// Asks fleetd for the fleet's configuration, and proposes changes of it (fleet/rim/configuration.h).
#pragma once

#include <chrono>
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

struct FleetGroup {
    std::uint64_t group = 0;
    std::string owner;
    std::uint64_t epoch = 0;
    bool is_well = false;              // its owner says that its stackd serves it
    std::uint64_t peers = 0;           // with a session there
    std::chrono::milliseconds rest{};  // it keeps its owner for so long, unless that is gone
};
struct FleetNodeState {
    std::string name;
    bool is_alive = false;
    bool is_draining = false;
    bool can_serve = false;
    std::uint64_t weight = 1;
    std::string zone;
};
struct FleetMove {
    std::uint64_t group = 0;
    std::string from;
    std::string to;
    std::uint64_t epoch = 0;
    std::uint64_t peers = 0;
    bool is_undo = false;  // it goes back to where it was, at once
};
struct FleetPlan {
    std::vector<FleetMove> moves;
    std::uint64_t all = 0;           // so many there are without a limit
    std::vector<std::string> nodes;  // that may get groups
};

// Each blocks for some seconds at most. kUnavailable: fleetd cannot be reached; kFailed: what it said, for instance
// that etcd does not answer. What comes is hostile: a key may be any text.
[[nodiscard]] Result<FleetConfiguration> fleet_configuration(const std::string& run_dir, std::uint64_t since);
[[nodiscard]] Result<FleetAbout> fleet_about(const std::string& run_dir, std::uint64_t changed);
// kConflict: something has changed since.
[[nodiscard]] Result<FleetDone> propose(const std::string& run_dir, const FleetProposal& proposal);
[[nodiscard]] Result<std::vector<FleetGroup>> fleet_groups(const std::string& run_dir);
[[nodiscard]] Result<std::vector<FleetNodeState>> fleet_nodes(const std::string& run_dir);
// The moves that give each node its share; `most`: at most so many, 0: all.
[[nodiscard]] Result<FleetPlan> fleet_plan(const std::string& run_dir, std::uint64_t most);
// The group's owner is asked to give it.
[[nodiscard]] Status wish_move(const std::string& run_dir, const FleetMove& move);
// Until the number moves, or for some seconds.
[[nodiscard]] Status wait_for_fleet(const std::string& run_dir);

}  // namespace warren::ctl
