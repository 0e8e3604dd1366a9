// A UDP socket that control messages arrive at and leave from.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>

#include "base/bytes.h"
#include "base/fd.h"
#include "base/result.h"
#include "vpnd/control/engine.h"

namespace warren::io {

// One datagram, or a train of them that the kernel merged (UDP_GRO).
struct MessageTrain {
    control::Arrival arrival;
    Bytes bytes;                   // in the batch
    std::size_t segment_size = 0;  // of all but the last, which may be shorter; at least 1
};

// What one receive call brings, and the space for it. Only memory that messages reach is used.
class MessageBatch {
  public:
    static constexpr std::size_t kMessages = 16;
    static constexpr std::size_t kSpace = 65'536;  // more than a UDP datagram or a train of them can be

    // By the last receive call; good until the next.
    [[nodiscard]] std::span<MessageTrain> received() { return std::span(trains_).first(count_); }
    // More may wait.
    [[nodiscard]] bool is_full() const { return count_ == kMessages; }

  private:
    friend class MessageSocket;
    [[nodiscard]] MutableBytes space(std::size_t message) { return {space_.get() + message * kSpace, kSpace}; }

    std::array<MessageTrain, kMessages> trains_{};
    std::size_t count_ = 0;
    std::unique_ptr<std::uint8_t[]> space_{new std::uint8_t[kMessages * kSpace]};  // not zeroed
};

// Bound, non-blocking, UDP_GRO and PKTINFO on, as stackd passes it. One thread.
class MessageSocket {
  public:
    MessageSocket() = default;
    explicit MessageSocket(UniqueFd socket) : socket_(std::move(socket)) {}

    // kUnavailable when nothing waits. An error that the network reported about an earlier send (conformance E7) is
    // one of the others, and taken away by reading it.
    [[nodiscard]] Status receive(MessageBatch& batch);
    // All to addresses of this socket's family. Each leaves from message.from where that address is still ours, else
    // from the one that the kernel chooses (conformance E2, E3). Returns how many were sent.
    [[nodiscard]] std::size_t send(std::span<const control::OutgoingMessage> messages);

    [[nodiscard]] int fd() const { return socket_.get(); }
    [[nodiscard]] bool valid() const { return socket_.valid(); }

  private:
    UniqueFd socket_;
};

}  // namespace warren::io
