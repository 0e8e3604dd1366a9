#include "vpnd/listeners/steering.h"

#include <linux/filter.h>
#include <sys/socket.h>

#include <cerrno>
#include <vector>

#include "base/ids.h"

namespace warren::io {

namespace {

using Program = std::vector<sock_filter>;

// Of a message that is not this one, the word is still there afterwards.
void append_solicited(const dataplane::SolicitedMessage& message, std::uint32_t socket, Program& out) {
    const auto size = static_cast<std::uint8_t>(message.proof_words == 0 ? 1 : 2 * message.proof_words + 2);
    out.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, message.word, 0, size));
    for (std::uint32_t i = 0; i < message.proof_words; ++i) {
        const auto to_end = static_cast<std::uint8_t>(2 * (message.proof_words - i) - 1);
        out.push_back(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, message.proof_at + 4 * i));
        out.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, to_end));
    }
    if (message.proof_words > 0) out.push_back(BPF_STMT(BPF_RET | BPF_K, 0));
    out.push_back(BPF_STMT(BPF_RET | BPF_K, socket));
}

// Offset 0 is the UDP payload. A load beyond a short datagram ends the program with 0: the control socket.
Program program_of(std::uint32_t workers, const dataplane::Steering& steering) {
    constexpr std::uint32_t kWorkerMask = (1U << SessionId::kWorkerBits) - 1;
    static_assert(SessionId::kWorkerBits <= 8, "the worker's bits lie in one byte");
    if (!steering.has_data) return {BPF_STMT(BPF_RET | BPF_K, 0)};
    constexpr std::uint8_t kDataSize = 5;
    const std::uint8_t if_equal = steering.word_means_data ? 0 : kDataSize;
    const std::uint8_t if_other = steering.word_means_data ? kDataSize : 0;
    Program out{
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, steering.word, if_equal, if_other),
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, steering.worker_byte),
        BPF_STMT(BPF_ALU | BPF_AND | BPF_K, kWorkerMask),
        BPF_STMT(BPF_ALU | BPF_MOD | BPF_K, workers),  // a session of an earlier vpnd that had more of them
        BPF_STMT(BPF_ALU | BPF_ADD | BPF_K, 1),
        BPF_STMT(BPF_RET | BPF_A, 0),
    };
    for (const auto& message : steering.solicited) append_solicited(message, 1 + workers, out);
    out.push_back(BPF_STMT(BPF_RET | BPF_K, 0));
    return out;
}

}  // namespace

Status attach_steering(int fd, std::uint32_t workers, const dataplane::Steering& steering) {
    Program program = program_of(workers, steering);
    const sock_fprog described{static_cast<unsigned short>(program.size()), program.data()};
    if (::setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &described, sizeof described) == 0) return {};
    return fail_errno("attach the steering program", errno);
}

}  // namespace warren::io
