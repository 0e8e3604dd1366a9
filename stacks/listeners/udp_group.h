// The UDP sockets of a listener, bound in the uplink and passed to vpnd.
#pragma once

#include <cstdint>
#include <vector>

#include "base/fd.h"
#include "base/result.h"

namespace warren::stacks {

// The sockets of one port, as PutListener has them (ipc/config_messages.h).
struct SocketGroup {
    bool has_v6 = false;
    std::vector<UniqueFd> sockets;  // for IPv4, then for IPv6: the handshake socket, then one data socket per worker
};

// Binds one SO_REUSEPORT group per family, in the order that the steering program relies on. kConflict, naming the
// port, when it is in use, even by a process that would share it. Without IPv6 in the kernel `has_v6` is false.
[[nodiscard]] Result<SocketGroup> bind_listener(std::uint16_t port, std::uint32_t workers);

}  // namespace warren::stacks
