// check, where there may be nothing to check.
#pragma once

#include "ctl/command.h"

namespace warren::ctl {

// run_check(), when there is a directory, and a configuration in the usual one.
int run_check_directory(const Invocation& invocation, Output& output);

}  // namespace warren::ctl
