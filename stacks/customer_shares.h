// The control groups of customers' programs follow the configuration: their weights, their names, their end.
#pragma once

#include <vector>

#include "base/renames.h"
#include "config/generation.h"

namespace warren::stacks {

// Has the weight of each group that there is follow traffic.share, and removes empty groups of customers that are not
// in force and have no stack in this machine: another instance's customer has one while programs may run in it. A
// machine without control groups of version 2 has nothing to follow.
void tend_customer_groups(const config::Generation& in_force);

// The programs of renamed customers are in their new groups from now on.
void rename_customer_groups(const std::vector<Rename>& renames);

}  // namespace warren::stacks
