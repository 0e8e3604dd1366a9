// Which queue of a TUN the kernel puts a packet into.
#pragma once

#include <span>

#include "base/result.h"
#include "stacks/plan/desired.h"

namespace warren::stacks {

// Steers each packet that the stack sends to the queue of the longest prefix that contains its destination, or to the
// first queue when there is none. Without this the kernel picks the queue that last wrote packets of the flow, and
// forgets it after a while, so two queues, and two workers, would get parts of one flow. `tunnel` is any queue of the
// device; replaces the entries of an earlier call at once. Needs CAP_SYS_ADMIN or CAP_BPF. Source: Linux
// include/uapi/linux/if_tun.h, TUNSETSTEERINGEBPF.
[[nodiscard]] Status steer_tunnel(int tunnel, std::span<const SteeringEntry> entries);

}  // namespace warren::stacks
