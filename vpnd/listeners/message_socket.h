// A UDP socket that control messages arrive at and leave from.
#pragma once

#include <cstdint>
#include <utility>

#include "base/bytes.h"
#include "base/fd.h"
#include "base/result.h"
#include "vpnd/control/engine.h"

namespace warren::io {

// What one receive call brought: one datagram, or a train of them that the kernel merged (UDP_GRO).
struct MessageTrain {
    control::Arrival arrival;
    Bytes bytes;                   // in the caller's space
    std::size_t segment_size = 0;  // of all but the last, which may be shorter; at least 1
};

// Bound, non-blocking, UDP_GRO and PKTINFO on, as stackd passes it. One thread.
class MessageSocket {
  public:
    MessageSocket() = default;
    explicit MessageSocket(UniqueFd socket) : socket_(std::move(socket)) {}

    // kUnavailable when nothing waits. An error that the network reported about an earlier send (conformance E7) is
    // one of the others, and taken away by reading it.
    [[nodiscard]] Result<MessageTrain> receive(MutableBytes space);
    // Leaves from message.from where that address is still ours, else from the one that the kernel chooses
    // (conformance E2, E3).
    [[nodiscard]] Status send(const control::OutgoingMessage& message);

    [[nodiscard]] int fd() const { return socket_.get(); }
    [[nodiscard]] bool valid() const { return socket_.valid(); }

  private:
    UniqueFd socket_;
};

}  // namespace warren::io
