// What alertd gives up when its threads run. See base/sandbox.h, base/seccomp.
#pragma once

#include "base/result.h"

namespace warren::alerts {

[[nodiscard]] Status drop_privileges();
// Of files only those below /etc and /usr, and where resolv.conf may lead to, and only to read; what the user may not
// read it may not read either. kUnsupported: the kernel has no Landlock. Before confine_system_calls().
[[nodiscard]] Status confine_files();
// Sockets of IPv4, IPv6 and netlink; no program, no listener, no other process, no new thread. A socket
// of AF_UNIX is refused, of any other family it ends the process.
[[nodiscard]] Status confine_system_calls();

}  // namespace warren::alerts
