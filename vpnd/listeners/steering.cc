#include "vpnd/listeners/steering.h"

#include <linux/filter.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>

#include "base/ids.h"

namespace warren::io {

Status attach_steering(int fd, std::uint32_t workers, const dataplane::Steering& steering) {
    constexpr std::uint32_t kWorkerMask = (1U << SessionId::kWorkerBits) - 1;
    static_assert(SessionId::kWorkerBits <= 8, "the worker's bits lie in one byte");
    const std::uint8_t if_equal = steering.word_means_data ? 0 : 5;
    const std::uint8_t if_other = steering.word_means_data ? 5 : 0;
    // Offset 0 is the UDP payload. A load beyond a short datagram ends the program with 0: the control socket.
    std::array<sock_filter, 8> program{{
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, steering.word, if_equal, if_other),
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, steering.worker_byte),
        BPF_STMT(BPF_ALU | BPF_AND | BPF_K, kWorkerMask),
        BPF_STMT(BPF_ALU | BPF_MOD | BPF_K, workers),  // a session of an earlier vpnd that had more of them
        BPF_STMT(BPF_ALU | BPF_ADD | BPF_K, 1),
        BPF_STMT(BPF_RET | BPF_A, 0),
        BPF_STMT(BPF_RET | BPF_K, 0),
    }};
    const sock_fprog described{static_cast<unsigned short>(program.size()), program.data()};
    if (::setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &described, sizeof described) == 0) return {};
    return fail_errno("attach the steering program", errno);
}

}  // namespace warren::io
