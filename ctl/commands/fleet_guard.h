// A node whose files are gone, for instance because a disk was not mounted, must not take them from every node of its
// fleet. Pure.
#pragma once

#include <cstddef>
#include <set>
#include <string>

#include "ctl/commands/fleet_taken.h"
#include "ctl/files/fleet_base.h"

namespace warren::ctl {

// What would go from all nodes, in the words of a question, where that is to be asked first; "": nothing, or so little
// that nobody asks. As stackd asks on a single node: more than one customer, or more than a tenth of them. The same of
// secrets and of certificates, and when none of a kind is left. `edited`: the keys that are put. `removed`: the
// customer whom this command removed, with what is below its name; "": none. A customer that has another name now is
// not gone.
[[nodiscard]] std::string removal_question(const FleetHere& here, const FleetBase& base,
                                           const std::set<std::string>& edited, const std::string& removed);

// More than one, or more than a tenth.
[[nodiscard]] bool are_many(std::size_t gone, std::size_t all);

}  // namespace warren::ctl
