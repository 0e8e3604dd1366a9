// This node's files and the fleet's: what was edited here goes there as one revision, what changed there comes here.
#pragma once

#include <string>

#include "ctl/command.h"

namespace warren::ctl {

// All of them say on `output` what they did, or why not, and return the exit status. Each takes the lock of the
// configuration while it reads and writes files.

struct PutIntoFleet {
    int exit_status = 0;
    bool may_remove = false;  // it was asked, and agreed to
};
// Before an apply: puts what was edited here into the fleet. kDone also where this node's configuration is not a
// fleet's. Nothing is put where a file has errors, where somebody else changed one of them since, or where it would
// remove many files (ctl/commands/fleet_guard.h) and nobody agrees. `removed`: a customer that may go; "": none.
[[nodiscard]] PutIntoFleet put_into_fleet(const Invocation& invocation, const std::string& removed, Output& output);
// The fleet has no configuration yet: this node's becomes it.
[[nodiscard]] int init_fleet(const Invocation& invocation, Output& output);
// Takes what changed in the fleet, and has stackd apply it. Files that were edited here stay as they are.
[[nodiscard]] int take_from_fleet(const Invocation& invocation, Output& output);
// The first time on a node.
[[nodiscard]] int join_fleet(const Invocation& invocation, Output& output);
// Takes all the time. Ends when it is killed.
[[nodiscard]] int follow_fleet(const Invocation& invocation, Output& output);
// Every secret once more, for the nodes that fleet.toml names now.
[[nodiscard]] int seal_for_fleet(const Invocation& invocation, Output& output);
// Of a file that was edited here and in the fleet: which one is to be.
[[nodiscard]] int settle_fleet_file(const Invocation& invocation, const std::string& name, bool ours, Output& output);
// This node's key, which is made if there is none: the line for fleet.toml.
[[nodiscard]] int show_fleet_key(const Invocation& invocation, Output& output);
// What is edited here, and what could not be taken. Says nothing where there is no fleet's configuration.
void show_fleet_files(const Invocation& invocation, Output& output);

}  // namespace warren::ctl
