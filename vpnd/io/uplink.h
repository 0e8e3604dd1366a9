// The seam between a packet loop and the network: an uplink receives and sends trains. The kernel's is UdpSocket; tests
// have one in memory.
#pragma once

#include <array>
#include <span>

#include "base/check.h"
#include "base/result.h"
#include "vpnd/dataplane/output.h"
#include "vpnd/packet/packet_buffer.h"
#include "vpnd/turns/train.h"

namespace warren::io {

// The buffers that trains are received into, and the trains of the latest receive. All uplinks of a worker share one.
// One thread.
class ReceiveBatch {
  public:
    static constexpr std::size_t kMessages = 8;

    // `pool` outlives it, and always has kMessages buffers of PacketBuffer::kSize for it.
    explicit ReceiveBatch(dataplane::BufferPool& pool) : pool_(pool) {}
    ReceiveBatch(const ReceiveBatch&) = delete;
    ReceiveBatch& operator=(const ReceiveBatch&) = delete;

    // The buffer of train number `train`. The train's bytes stay valid for whoever takes it.
    [[nodiscard]] dataplane::PacketBuffer& buffer_of(std::size_t train) { return buffers_[message_of_[train]]; }

    // --- for an uplink
    // Every message has a buffer, and no train is in the batch.
    void begin() {
        for (dataplane::PacketBuffer& buffer : buffers_) {
            if (buffer.valid()) continue;
            buffer = pool_.take();
            WARREN_CHECK(buffer.valid());
        }
        used_ = 0;
    }
    // Message number `message` is received into this.
    [[nodiscard]] MutableBytes space(std::size_t message) const { return buffers_[message].bytes(); }
    // The first `size` bytes of space(message) are a train. The caller fills in the rest of it.
    [[nodiscard]] dataplane::Train& add(std::size_t message, std::size_t size) {
        message_of_[used_] = message;
        dataplane::Train& train = trains_[used_++] = {};
        train.bytes = space(message).first(size);
        return train;
    }
    [[nodiscard]] std::span<const dataplane::Train> trains() const { return std::span(trains_).first(used_); }

  private:
    dataplane::BufferPool& pool_;
    std::array<dataplane::PacketBuffer, kMessages> buffers_;
    std::array<dataplane::Train, kMessages> trains_;
    std::array<std::size_t, kMessages> message_of_{};  // by train
    std::size_t used_ = 0;
};

// The result of one receive.
struct Received {
    std::span<const dataplane::Train> trains;  // each in a buffer of its own; valid until the next receive
    std::size_t truncated = 0;                 // datagrams that did not fit, left out
    bool more = false;                         // more may wait
};

// What became of a train that was to be sent.
enum class SendOutcome : std::uint8_t {
    kSent,
    kFull,               // the uplink takes no more now: try the same train later
    kSentUngrouped,      // sent one by one: the path does not take trains of this size
    kSentFromElsewhere,  // sent, but not from train.local, which is no address of ours any more
    kRefused,            // not sent, or not all of it, and trying again is of no use
};

// One virtual call for each batch, which is at least one system call of the kernel's uplink. The thread of its loop.
class Uplink {
  public:
    Uplink() = default;
    Uplink(const Uplink&) = delete;
    Uplink& operator=(const Uplink&) = delete;
    virtual ~Uplink() = default;

    // Sets what the loop relies on. Called once, before everything else. After a failure the uplink can still be used.
    [[nodiscard]] virtual Status prepare() = 0;
    // Takes what waits, at most ReceiveBatch::kMessages trains, without blocking.
    [[nodiscard]] virtual Received receive(ReceiveBatch& into, ListenerIndex listener) = 0;
    // Sends as many of `trains` as possible, in order: outcomes[i] describes trains[i]. Returns how many were dealt
    // with; the train after them, if any, found the uplink full, and remembers in `gone` how much of it was sent.
    [[nodiscard]] virtual std::size_t send(std::span<dataplane::EgressTrain> trains,
                                           std::span<SendOutcome> outcomes) = 0;
    // The device under this uplink cannot segment, so every datagram is sent alone.
    [[nodiscard]] virtual bool segmentation_is_off() const = 0;
    // What the loop's Readiness knows it by.
    [[nodiscard]] virtual int fd() const = 0;
};

}  // namespace warren::io
