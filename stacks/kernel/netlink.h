// A netlink socket that sends requests and waits for the replies. Its errors contain the kernel's text (extended ACK).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "stacks/kernel/netlink_message.h"

namespace warren::stacks {

// Belongs to one thread, and to the network namespace that the thread was in when it was opened.
class NetlinkSocket {
  public:
    // `protocol`: NETLINK_ROUTE, NETLINK_NETFILTER.
    [[nodiscard]] static Result<NetlinkSocket> open(int protocol);

    // Sends and waits for the acknowledgement. The error is the kernel's; the caller adds the context.
    [[nodiscard]] Status request(NetlinkRequest& request);
    // Sends the requests as one transaction. Those with NLM_F_ACK are waited for; the first error is returned.
    [[nodiscard]] Status batch(std::span<NetlinkRequest> requests);
    // Requests a dump (set NLM_F_DUMP) and returns its messages one after the other. Retries when a change interrupted
    // it.
    [[nodiscard]] Result<std::vector<std::uint8_t>> dump(NetlinkRequest& request);
    // dump(), but no more than about `most` messages; the socket is of no use afterwards when it was cut.
    struct Some {
        std::vector<std::uint8_t> messages;
        bool is_cut = false;
    };
    [[nodiscard]] Result<Some> dump_some(NetlinkRequest& request, std::size_t most);
    // Sends a request that has one message as its reply.
    [[nodiscard]] Result<std::vector<std::uint8_t>> query(NetlinkRequest& request);

  private:
    explicit NetlinkSocket(UniqueFd socket);
    [[nodiscard]] Status send(Bytes bytes);
    [[nodiscard]] Result<Bytes> receive();
    // False: a change interrupted it. `is_cut`: set instead of going on when there were more than `most` messages.
    [[nodiscard]] Result<bool> receive_dump(std::uint32_t sequence, std::vector<std::uint8_t>& messages,
                                            std::size_t most, bool& is_cut);

    UniqueFd socket_;
    std::uint32_t sequence_ = 0;
    std::vector<std::uint8_t> buffer_;
};

}  // namespace warren::stacks
