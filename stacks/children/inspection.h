// What an earlier stackd's vpnd hands back is looked at before it is used: somebody may have taken it over, and what is
// adopted is given to every vpnd that follows.
#pragma once

#include <string>

#include "base/result.h"
#include "stacks/children/vpnd_link.h"

namespace warren::stacks {

// kInvalid, saying what is wrong, unless each listener has the sockets of one that we bound: UDP of this namespace, in
// PutListener's order, on the port it says, and a UAPI socket where ours are; and each tunnel that still has a device
// has one of that customer's own stack. Call it in the namespace of the uplink.
[[nodiscard]] Status inspect(const Holdings& holdings, const std::string& run_dir);

}  // namespace warren::stacks
