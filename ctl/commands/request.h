// A request to stackd, for commands whose answer is nothing but its words.
#pragma once

#include <string>

#include "ctl/command.h"
#include "ipc/control_messages.h"

namespace warren::ctl {

// Prints the answer, also as JSON, and returns the exit status.
int request_from_stackd(const ipc::ControlRequest& request, const Invocation& invocation, Output& output);
// The same to fleetd.
int request_from_fleetd(const ipc::ControlRequest& request, const Invocation& invocation, Output& output);

// `apply`. `removed`: a customer whose file was deleted and who may go, which was asked about; "": none. What stackd
// wants to know of others is asked.
int apply_files(const Invocation& invocation, const std::string& removed, Output& output);

// Who ran sudo, as that says; "": nobody. Anybody who is root may claim anything.
[[nodiscard]] std::string claimed_user();

}  // namespace warren::ctl
