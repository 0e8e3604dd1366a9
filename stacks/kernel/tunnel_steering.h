// Which queue of a TUN the kernel puts a packet into.
#pragma once

#include <span>

#include "base/result.h"
#include "stacks/plan/desired.h"

namespace warren::stacks {

// From now on a packet that the stack sends goes into the queue of the longest prefix that its destination is in, and
// into the first when there is none. Without this the kernel follows whoever wrote a flow's packets last, and forgets
// it: two queues, and so two workers, would see parts of one flow. `tunnel` is any queue of the device; what an earlier
// call said is replaced at once. Needs CAP_SYS_ADMIN or CAP_BPF. Source: Linux include/uapi/linux/if_tun.h,
// TUNSETSTEERINGEBPF.
[[nodiscard]] Status steer_tunnel(int tunnel, std::span<const SteeringEntry> entries);

}  // namespace warren::stacks
