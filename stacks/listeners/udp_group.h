// The UDP sockets of a listener, bound in the uplink and passed to vpnd.
#pragma once

#include <cstdint>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "ipc/listener.h"

namespace warren::stacks {

// The sockets of one port: all but the control socket.
struct SocketGroup {
    std::vector<ipc::DescriptorRole> roles;
    std::vector<UniqueFd> sockets;  // as many, in the same order
    struct Surplus {
        Family family = Family::kV4;
        UniqueFd socket;
    };
    std::vector<Surplus> surplus;  // bound behind the others: of a vpnd with more data workers
};

// Binds one SO_REUSEPORT group per family, in the order of ipc::DescriptorRole. kConflict, naming the port, when it is
// in use, even by a process that would share it. None for IPv6 without IPv6 in the kernel. 0 workers: for messages
// alone.
[[nodiscard]] Result<SocketGroup> bind_listener(std::uint16_t port, std::uint32_t workers);

// Gives the group the sockets and the roles of another number of data workers. What it has stays open, in its place of
// the reuseport group; what is too many becomes surplus. A socket may get another role, and what waits in it is read
// there: vpnd passes on what is for another worker, or for none. On failure the group is as before.
[[nodiscard]] Status resize_group(SocketGroup& group, std::uint16_t port, std::uint32_t workers);

}  // namespace warren::stacks
