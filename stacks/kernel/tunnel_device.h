// Opens the TUN device of the stack that the calling thread is in. Source: Linux Documentation/networking/tuntap.rst.
#pragma once

#include <cstdint>
#include <vector>

#include "base/fd.h"
#include "base/result.h"

namespace warren::stacks {

// Makes vpn0, or attaches to the persistent one that is there. The descriptor is non-blocking and carries virtio_net
// headers; the device outlives it, because closing the descriptor of one that does not costs a wait of 20 ms. kConflict
// when it has a single queue and somebody else holds it. `queues` is at least 1: a descriptor for each, in their order.
[[nodiscard]] Result<std::vector<UniqueFd>> open_tunnel_device(std::uint16_t queues);

}  // namespace warren::stacks
