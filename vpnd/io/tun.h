// The seam between a packet loop and a customer's stack. The kernel's is TunDevice; tests have one in memory.
#pragma once

#include <vector>

#include "base/result.h"
#include "vpnd/dataplane/output.h"

namespace warren::io {

enum class Written : std::uint8_t {
    kYes,
    kNo,        // the stack did not take it
    kNotWhole,  // a super-packet of a kind that the device says it takes, and does not
};

// One virtual call for each super-packet, which is one system call of the kernel's device. The thread of its loop.
class Tun {
  public:
    Tun() = default;
    Tun(const Tun&) = delete;
    Tun& operator=(const Tun&) = delete;
    virtual ~Tun() = default;

    // Turns on the offloads. Called once, before everything else. After a failure the device is still open.
    [[nodiscard]] virtual Status prepare() = 0;
    // One packet or super-packet, offload header first. Size 0: nothing waits (or the device is down).
    [[nodiscard]] virtual std::size_t read(MutableBytes space) = 0;
    // After kNotWhole it takes none of that kind (TCP, UDP) any more.
    [[nodiscard]] virtual Written write(const dataplane::TunWrite& write,
                                        const std::vector<dataplane::Piece>& pieces) = 0;
    // The device was deleted; it is of no use any more.
    [[nodiscard]] virtual bool is_gone() = 0;
    // Which super-packets may be written.
    [[nodiscard]] virtual dataplane::Joining joining() const = 0;
    // What the loop's Readiness knows it by.
    [[nodiscard]] virtual int fd() const = 0;
};

}  // namespace warren::io
