// A request to stackd, for commands whose answer is nothing but its words.
#pragma once

#include "ctl/command.h"
#include "ipc/control_messages.h"

namespace warren::ctl {

// Prints the answer, also as JSON, and returns the exit status.
int request_from_stackd(const ipc::ControlRequest& request, const Invocation& invocation, Output& output);

}  // namespace warren::ctl
