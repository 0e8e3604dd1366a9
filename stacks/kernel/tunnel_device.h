// Opens the TUN device of the stack that the calling thread is in. Source: Linux Documentation/networking/tuntap.rst.
#pragma once

#include <cstdint>
#include <vector>

#include "base/fd.h"
#include "base/result.h"

namespace warren::stacks {

// Makes vpn0, or attaches to the existing persistent one. The descriptor is non-blocking and carries virtio_net
// headers; the device outlives it, because closing a non-persistent one takes 20 ms. kConflict when it has a single
// queue and another process holds it. `queues` is at least 1: a descriptor for each, in their order.
[[nodiscard]] Result<std::vector<UniqueFd>> open_tunnel_device(std::uint16_t queues);

}  // namespace warren::stacks
