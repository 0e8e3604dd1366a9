// Opens the TUN device of the stack that the calling thread is in. Source: Linux Documentation/networking/tuntap.rst.
#pragma once

#include "base/fd.h"
#include "base/result.h"

namespace warren::stacks {

// Makes vpn0, or attaches to the persistent one that is there. The descriptor is non-blocking and carries virtio_net headers; the device
// outlives it, because closing the descriptor of one that does not costs a wait of 20 ms. Single queue: kConflict when somebody else holds
// it.
[[nodiscard]] Result<UniqueFd> open_tunnel_device();

}  // namespace warren::stacks
