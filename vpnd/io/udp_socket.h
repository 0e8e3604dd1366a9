// The data sockets of the uplink: trains in with UDP_GRO, trains out with UDP_SEGMENT (Linux Documentation/networking,
// udp(7)).
#pragma once

#include <memory>

#include "base/fd.h"
#include "vpnd/io/uplink.h"

namespace warren::io {

// One data socket of one family. One thread.
class UdpSocket final : public Uplink {
  public:
    UdpSocket(UniqueFd fd, Family family) : fd_(std::move(fd)), family_(family) {}

    // Sets what a data socket needs: UDP_GRO, PKTINFO, the traffic class of received datagrams, large buffers, and
    // outer packets that the path may fragment (no DF, no path MTU taken from ICMP: conformance D10).
    [[nodiscard]] Status prepare() override;
    // Errors that the network reported about earlier sends are taken away and mean nothing (conformance E7).
    [[nodiscard]] Received receive(ReceiveBatch& into, ListenerIndex listener) override;
    [[nodiscard]] std::size_t send(std::span<dataplane::EgressTrain> trains, std::span<SendOutcome> outcomes) override;
    [[nodiscard]] bool segmentation_is_off() const override { return segmentation_is_off_; }
    [[nodiscard]] int fd() const override { return fd_.get(); }

  private:
    [[nodiscard]] SendOutcome send_slowly(dataplane::EgressTrain& train, int error);
    [[nodiscard]] int send_one_by_one(dataplane::EgressTrain& train, bool from_local);

    UniqueFd fd_;
    Family family_;
    bool segmentation_is_off_ = false;
};

// Null when `fd` is invalid.
[[nodiscard]] std::unique_ptr<Uplink> open_uplink(UniqueFd fd, Family family);

}  // namespace warren::io
