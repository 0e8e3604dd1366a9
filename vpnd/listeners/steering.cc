#include "vpnd/listeners/steering.h"

#include <linux/filter.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>

#include "base/ids.h"

namespace warren::io {

Status attach_steering(int fd, std::uint32_t workers) {
    constexpr std::uint32_t kTransportType = 0x04000000;  // bytes 04 00 00 00, as BPF loads them
    constexpr std::uint32_t kReceiverOffset = 4;          // its least significant byte comes first (whitepaper §5.4.6)
    constexpr std::uint32_t kWorkerMask = (1U << SessionId::kWorkerBits) - 1;
    static_assert(SessionId::kWorkerBits <= 8, "the worker's bits lie in one byte");
    // Offset 0 is the UDP payload. A load beyond a short datagram ends the program with 0: the handshake socket.
    std::array<sock_filter, 8> program{{
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kTransportType, 0, 5),
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, kReceiverOffset),
        BPF_STMT(BPF_ALU | BPF_AND | BPF_K, kWorkerMask),
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, workers, 2, 0),
        BPF_STMT(BPF_ALU | BPF_ADD | BPF_K, 1),
        BPF_STMT(BPF_RET | BPF_A, 0),
        BPF_STMT(BPF_RET | BPF_K, 0),
    }};
    const sock_fprog described{static_cast<unsigned short>(program.size()), program.data()};
    if (::setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &described, sizeof described) == 0) return {};
    return fail_errno("attach the steering program", errno);
}

}  // namespace warren::io
