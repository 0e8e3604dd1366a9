// A node more: the node that invites it, and the new one.
#pragma once

#include <string>

#include "ctl/command.h"

namespace warren::ctl {

// Prints a token for the node, and answers who comes with it, until the new node is a member of etcd or the time is
// over.
int invite_node(const Invocation& invocation, const std::string& name, Output& output);
// On the new node: makes its keys, and gets everything else.
int join_with_token(const Invocation& invocation, const std::string& token, Output& output);

}  // namespace warren::ctl
