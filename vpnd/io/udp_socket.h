// The data sockets of the uplink: trains in with UDP_GRO, trains out with UDP_SEGMENT (Linux Documentation/networking,
// udp(7)).
#pragma once

#include <sys/socket.h>

#include <array>
#include <memory>
#include <span>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "vpnd/dataplane/output.h"
#include "vpnd/dataplane/pipeline.h"

namespace warren::io {

// Sets what a data socket needs: UDP_GRO, PKTINFO, the traffic class of what comes in, large buffers, and outer packets
// that the path may fragment (no DF, no path MTU taken from ICMP: conformance D10). The family is the socket's own.
[[nodiscard]] Status prepare_data_socket(int fd, Family family);

// Receives trains into buffers of a pool, for all sockets of a worker. One thread.
class ReceiveBatch {
  public:
    static constexpr std::size_t kMessages = 8;

    // `pool` outlives it, and always has kMessages buffers of PacketBuffer::kSize for it.
    explicit ReceiveBatch(dataplane::BufferPool& pool);
    ~ReceiveBatch();
    ReceiveBatch(const ReceiveBatch&) = delete;
    ReceiveBatch& operator=(const ReceiveBatch&) = delete;

    struct Received {
        std::span<const dataplane::Train> trains;  // each in a buffer of its own; good until the next receive
        std::size_t truncated = 0;                 // datagrams that did not fit, left out
        bool more = false;                         // the socket may hold more
    };
    // Takes what waits, at most kMessages trains, without blocking. Errors that the network reported about earlier
    // sends are taken away and mean nothing (conformance E7).
    [[nodiscard]] Received receive(int fd, ListenerIndex listener);
    // The buffer of train number `train` of the last receive. Who takes it keeps the train's bytes.
    [[nodiscard]] dataplane::PacketBuffer& buffer_of(std::size_t train) { return buffers_[message_of_[train]]; }

  private:
    static constexpr std::size_t kControlSize = 256;
    struct Space;

    void arm();
    dataplane::BufferPool& pool_;
    std::unique_ptr<Space> space_;
    std::array<dataplane::PacketBuffer, kMessages> buffers_;
    std::array<dataplane::Train, kMessages> trains_;
    std::array<std::size_t, kMessages> message_of_{};  // by train
};

// What a send could not do.
enum class SendOutcome : std::uint8_t {
    kSent,
    kFull,               // the socket takes no more now: try the same train later
    kSentUngrouped,      // gone one by one: the path does not take trains of this size
    kSentFromElsewhere,  // gone, but not from train.local, which is no address of ours any more
    kRefused,            // nothing or not all is gone, and trying again is of no use
};

// Sends trains through one data socket. One thread.
class TrainSender {
  public:
    TrainSender() = default;
    TrainSender(UniqueFd fd, Family family) : fd_(std::move(fd)), family_(family) {}

    // Sends as many of `trains` as the socket takes, in order: outcomes[i] tells about trains[i]. Returns how many were
    // dealt with; the one after them, if any, found the socket full, and remembers what of it is gone.
    [[nodiscard]] std::size_t send(std::span<dataplane::EgressTrain> trains, std::span<SendOutcome> outcomes);

    [[nodiscard]] int fd() const { return fd_.get(); }
    [[nodiscard]] bool valid() const { return fd_.valid(); }
    // The device under this socket cannot segment, so every datagram goes alone.
    [[nodiscard]] bool segmentation_is_off() const { return segmentation_is_off_; }

  private:
    [[nodiscard]] SendOutcome send_slowly(dataplane::EgressTrain& train, int error);
    [[nodiscard]] int send_one_by_one(dataplane::EgressTrain& train, bool from_local);

    UniqueFd fd_;
    Family family_ = Family::kV4;
    bool segmentation_is_off_ = false;
};

}  // namespace warren::io
