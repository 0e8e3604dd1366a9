// peer rotate: another key for a peer whose tunnel goes on.
#pragma once

#include "ctl/command.h"

namespace warren::ctl {

// `vpnctl peer rotate CUSTOMER PEER [--public-key KEY | --commit | --cancel] [--force]`. Returns the exit status.
int rotate_peer(const Invocation& invocation, Output& output);

}  // namespace warren::ctl
