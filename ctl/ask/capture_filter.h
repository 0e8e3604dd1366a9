// Which packets a capture is about, in tcpdump's language (pcap-filter(7)).
#pragma once

#include <linux/filter.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

struct bpf_program;  // pcap/bpf.h

namespace warren::ctl {

// A compiled expression. One thread.
class CaptureFilter {
  public:
    // kInvalid with libpcap's reason.
    [[nodiscard]] static Result<CaptureFilter> compile(const std::string& expression);

    // `packet` begins with its IP header.
    [[nodiscard]] bool matches(Bytes packet) const;
    // A program for the socket that records come from (ipc/capture.h): the kernel leaves out records whose packet
    // inside does not match, before they take up room, and those that have none. It may let more pass. Nothing: it
    // cannot be said in a program of the kernel.
    [[nodiscard]] std::optional<std::vector<sock_filter>> for_records() const;
    // The one that lets only records without a packet pass.
    [[nodiscard]] static std::vector<sock_filter> no_packets();

  private:
    struct Free {
        void operator()(bpf_program* program) const;
    };
    explicit CaptureFilter(std::unique_ptr<bpf_program, Free> program) : program_(std::move(program)) {}

    std::unique_ptr<bpf_program, Free> program_;
};

// Has the kernel run it on what comes to the socket.
[[nodiscard]] Status attach_filter(int socket, std::vector<sock_filter> program);

}  // namespace warren::ctl
