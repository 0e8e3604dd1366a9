// The device that a customer's tunnels end in (Linux Documentation/networking/tuntap.rst).
#pragma once

#include <memory>

#include "base/fd.h"
#include "vpnd/io/tun.h"

namespace warren::io {

// Opened by stackd with IFF_TUN, IFF_NO_PI and IFF_VNET_HDR, non-blocking. One thread.
class TunDevice final : public Tun {
  public:
    explicit TunDevice(UniqueFd fd) : fd_(std::move(fd)) {}

    // Turns on the offloads that this kernel has: checksums, TCP segmentation, and from Linux 6.2 UDP segmentation.
    // Needs no privilege. Fails when the descriptor is no such device.
    [[nodiscard]] Status prepare() override;
    [[nodiscard]] std::size_t read(MutableBytes space) override;
    // Some kernels take the offload header and refuse super-packets with EINVAL.
    [[nodiscard]] Written write(const dataplane::TunWrite& write, const std::vector<dataplane::Piece>& pieces) override;
    [[nodiscard]] bool is_gone() override;
    [[nodiscard]] dataplane::Joining joining() const override { return joining_; }
    [[nodiscard]] int fd() const override { return fd_.get(); }

  private:
    UniqueFd fd_;
    dataplane::Joining joining_;
};

// Null when `fd` is invalid.
[[nodiscard]] std::unique_ptr<Tun> open_tun(UniqueFd fd);

}  // namespace warren::io
