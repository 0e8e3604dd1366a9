// Which socket of a reuseport group a datagram goes to: the kernel reads the owner's number from the payload
// (docs/architecture.md, "Threads of vpnd").
#pragma once

#include <cstdint>

#include "base/result.h"
#include "vpnd/dataplane/framing/framing.h"

namespace warren::io {

// The group, in the order the sockets were bound: the control socket, the data sockets of workers 0 .. workers-1, the
// socket of solicited control messages.
// A message that carries a packet goes to the worker that its session's id names, modulo the number of workers: an
// earlier vpnd may have had more. What steering.solicited names goes to the last socket, everything else to the control
// socket. `fd` is any socket of the group; the
// program holds for the whole group and for sockets that are bound later. 1 <= workers <= 63. Needs no privilege.
// Source: Linux socket(7), SO_ATTACH_REUSEPORT_CBPF.
[[nodiscard]] Status attach_steering(int fd, std::uint32_t workers, const dataplane::Steering& steering);

}  // namespace warren::io
