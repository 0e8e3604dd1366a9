// What fleetd gives up. See base/sandbox.h, base/seccomp.
#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "fleet/rim/gateway.h"

namespace warren::fleet {

// Call it before threads start, with no_new_privs. From then on only files below `state` are written and only sockets
// in `sockets` are made; read are those, what a program needs of the system, and the certificates. A kernel without
// Landlock leaves all open, which is logged. Source: landlock(7).
[[nodiscard]] Status confine_files(const std::string& state, const std::string& sockets,
                                   const std::optional<TlsFiles>& tls);

// When all threads run. Sockets of IPv4, IPv6 and Unix, and files to write; no program, no other process, no new
// thread.
[[nodiscard]] Status confine_system_calls();

}  // namespace warren::fleet
