// Enters a customer's stack.
#pragma once

#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"

namespace warren::ctl {

// The network namespace /run/netns/warren-ID. Refuses an invalid customer id. kNotFound: no such stack.
[[nodiscard]] Result<UniqueFd> open_stack(const std::string& customer);

// Puts the calling thread into it. Needs root.
[[nodiscard]] Status enter(const UniqueFd& stack, const std::string& customer);

// Gives the process, which is in the namespace `name` already, a view of the file system of its own: /sys shows the
// stack's devices, and what /etc/netns/NAME/ holds lies over /etc. Needs root.
[[nodiscard]] Status enter_mounts(const std::string& name);

// Becomes `program` (found by PATH) inside the stack: the network is the stack's, /sys shows its devices, and what
// /etc/netns/warren-ID/ holds lies over /etc, all as `ip netns exec` does it. Returns only when that fails. Needs root
// and a process of one thread.
[[nodiscard]] Error become_in_stack(const std::string& customer, const std::vector<std::string>& program);

}  // namespace warren::ctl
