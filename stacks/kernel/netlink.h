// A netlink socket that asks and waits for the answer, with the kernel's own words (extended ACK) in its errors.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "stacks/kernel/netlink_message.h"

namespace warren::stacks {

// Belongs to one thread, and for ever to the network namespace that the thread was in when it was opened.
class NetlinkSocket {
  public:
    // `protocol`: NETLINK_ROUTE, NETLINK_NETFILTER.
    [[nodiscard]] static Result<NetlinkSocket> open(int protocol);

    // Sends and waits for the acknowledgement. The error is the kernel's; the caller says what he was doing.
    [[nodiscard]] Status request(NetlinkRequest& request);
    // Sends the requests as one transaction. Those with NLM_F_ACK are waited for; the first error is returned.
    [[nodiscard]] Status batch(std::span<NetlinkRequest> requests);
    // Asks for a dump (set NLM_F_DUMP) and returns its messages one after the other. Asks again when a change
    // interrupted it.
    [[nodiscard]] Result<std::vector<std::uint8_t>> dump(NetlinkRequest& request);
    // Sends a question that one message answers.
    [[nodiscard]] Result<std::vector<std::uint8_t>> query(NetlinkRequest& request);

  private:
    explicit NetlinkSocket(UniqueFd socket);
    [[nodiscard]] Status send(Bytes bytes);
    [[nodiscard]] Result<Bytes> receive();
    [[nodiscard]] Result<bool> receive_dump(std::uint32_t sequence, std::vector<std::uint8_t>& messages);

    UniqueFd socket_;
    std::uint32_t sequence_ = 0;
    std::vector<std::uint8_t> buffer_;
};

}  // namespace warren::stacks
