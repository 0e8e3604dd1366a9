// What `vpnctl fleet status --json` prints.
#pragma once

#include "ctl/command.h"
#include "ipc/control_messages.h"

namespace warren::ctl {

// As of any request, and "nodes" and "groups"; these are empty where fleetd does not tell them.
int show_fleet_json(const ipc::ControlRequest& request, const Invocation& invocation, Output& output);

}  // namespace warren::ctl
