// The device that a customer's tunnels end in (Linux Documentation/networking/tuntap.rst).
#pragma once

#include "base/fd.h"
#include "base/result.h"
#include "vpnd/dataplane/output.h"

namespace warren::io {

// Opened by stackd with IFF_TUN, IFF_NO_PI and IFF_VNET_HDR, non-blocking. One thread.
class TunDevice {
  public:
    TunDevice() = default;
    explicit TunDevice(UniqueFd fd) : fd_(std::move(fd)) {}
    // Turns on the offloads that this kernel has: checksums, TCP segmentation, and from Linux 6.2 UDP segmentation.
    // Needs no privilege. Fails when the descriptor is no such device; it stays open all the same, as its number is
    // known to others.
    [[nodiscard]] Status set_offloads();

    // One packet or super-packet, offload header first. Size 0: nothing waits (or the device is down).
    [[nodiscard]] std::size_t read(MutableBytes space) const;
    // False when the stack did not take it.
    [[nodiscard]] bool write(const dataplane::TunWrite& write, const std::vector<dataplane::Piece>& pieces) const;

    // The device was deleted; the descriptor is of no use any more.
    [[nodiscard]] bool is_gone() const;

    [[nodiscard]] int fd() const { return fd_.get(); }
    [[nodiscard]] bool valid() const { return fd_.valid(); }
    // UDP super-packets may be written.
    [[nodiscard]] bool takes_udp_segments() const { return takes_udp_segments_; }

  private:
    UniqueFd fd_;
    bool takes_udp_segments_ = false;
};

}  // namespace warren::io
