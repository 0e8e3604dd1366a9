// A customer's stack that stays while a program uses it, and that is made when it is parked.
#pragma once

#include <string>

#include "base/fd.h"
#include "base/result.h"

namespace warren::ctl {

// open_stack(), but a parked customer gets its stack first, from stackd, and it is not parked while the descriptor or
// a copy of it is open. `must_stay`: kUnavailable when that cannot be promised, as another program has the stack for
// itself; else it is opened nevertheless. kNotFound: there is no such stack, and none is made.
[[nodiscard]] Result<UniqueFd> hold_stack(const std::string& run_dir, const std::string& customer,
                                          bool must_stay = false);

// The lock that keeps stackd from parking the customer. Waits a second for it; kUnavailable: somebody has it alone.
[[nodiscard]] Status share_stack(const UniqueFd& stack, const std::string& customer);

}  // namespace warren::ctl
