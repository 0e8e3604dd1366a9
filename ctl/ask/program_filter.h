// What a program in a customer's stack may not ask of the kernel, beyond what an ordinary user may not.
#pragma once

#include "base/result.h"

namespace warren::ctl {

// From here on, for this process and all that it starts, EPERM answers:
// - a user namespace of its own, or another namespace by setns(): in one of its own a process has all capabilities, and
//   is in sight of nobody who looks for the programs of a stack;
// - to type into the terminal (TIOCSTI, TIOCLINUX): a shell would read it once vpnctl has ended.
// clone3(), whose flags a filter cannot see, does not exist for it: C libraries fall back to clone(). Needs
// no_new_privs. Everything else is allowed: any program is to run. Source: seccomp(2), libseccomp.
[[nodiscard]] Status confine_program();

}  // namespace warren::ctl
