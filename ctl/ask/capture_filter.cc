#include "ctl/ask/capture_filter.h"

#include <pcap/pcap.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "ipc/capture.h"

namespace warren::ctl {

namespace {

constexpr int kLongest = 65'535;
constexpr std::uint32_t kAll = UINT32_MAX;
constexpr std::uint32_t kInnerSizeAt = 4;  // as ipc/capture.cc has it
constexpr auto kPacket = static_cast<std::uint32_t>(ipc::CaptureKind::kPacket);

// The same for a packet that begins behind a record's header. Nothing: an instruction that means something else there.
std::optional<sock_filter> shifted(const bpf_insn& instruction) {
    sock_filter out{instruction.code, instruction.jt, instruction.jf, instruction.k};
    const unsigned kind = BPF_CLASS(instruction.code);
    if (kind != BPF_LD && kind != BPF_LDX) return out;
    switch (BPF_MODE(instruction.code)) {
        case BPF_ABS:
        case BPF_IND:
        case BPF_MSH:
            if (instruction.k > kLongest) return std::nullopt;  // an ancillary load
            out.k += ipc::CaptureRecord::kHeaderSize;
            return out;
        case BPF_LEN:
            if (kind != BPF_LD) return std::nullopt;
            return sock_filter{BPF_LD | BPF_W | BPF_ABS, 0, 0, kInnerSizeAt};
        default: return out;
    }
}

}  // namespace

void CaptureFilter::Free::operator()(bpf_program* program) const {
    pcap_freecode(program);
    delete program;
}

Result<CaptureFilter> CaptureFilter::compile(const std::string& expression) {
    const std::unique_ptr<pcap_t, void (*)(pcap_t*)> nowhere(pcap_open_dead(DLT_RAW, kLongest), &pcap_close);
    if (nowhere == nullptr) return fail(ErrorCode::kFailed, "libpcap has no memory");
    std::unique_ptr<bpf_program, Free> program(new bpf_program{});
    if (pcap_compile(nowhere.get(), program.get(), expression.c_str(), 1, PCAP_NETMASK_UNKNOWN) != 0)
        return fail(ErrorCode::kInvalid, "filter \"" + expression + "\": " + pcap_geterr(nowhere.get()));
    return CaptureFilter(std::move(program));
}

bool CaptureFilter::matches(Bytes packet) const {
    pcap_pkthdr header{};
    header.caplen = header.len = static_cast<bpf_u_int32>(packet.size());
    return pcap_offline_filter(program_.get(), &header, packet.data()) != 0;
}

std::optional<std::vector<sock_filter>> CaptureFilter::for_records() const {
    std::vector<sock_filter> out{{BPF_LD | BPF_B | BPF_ABS, 0, 0, 0},  {BPF_JMP | BPF_JEQ | BPF_K, 1, 0, kPacket},
                                 {BPF_RET | BPF_K, 0, 0, kAll},        {BPF_LD | BPF_W | BPF_ABS, 0, 0, kInnerSizeAt},
                                 {BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0}, {BPF_RET | BPF_K, 0, 0, 0}};
    if (program_->bf_len + out.size() > BPF_MAXINSNS) return std::nullopt;
    for (std::uint32_t i = 0; i < program_->bf_len; ++i) {
        auto instruction = shifted(program_->bf_insns[i]);
        if (!instruction) return std::nullopt;
        // How much of a packet is wanted: all of the record.
        if (instruction->code == (BPF_RET | BPF_K) && instruction->k != 0) instruction->k = kAll;
        out.push_back(*instruction);
    }
    return out;
}

std::vector<sock_filter> CaptureFilter::no_packets() {
    return {{BPF_LD | BPF_B | BPF_ABS, 0, 0, 0},
            {BPF_JMP | BPF_JEQ | BPF_K, 0, 1, kPacket},
            {BPF_RET | BPF_K, 0, 0, 0},
            {BPF_RET | BPF_K, 0, 0, kAll}};
}

Status attach_filter(int socket, std::vector<sock_filter> program) {
    const sock_fprog code{static_cast<unsigned short>(program.size()), program.data()};
    if (::setsockopt(socket, SOL_SOCKET, SO_ATTACH_FILTER, &code, sizeof code) == 0) return {};
    return fail_errno("SO_ATTACH_FILTER", errno);
}

}  // namespace warren::ctl
