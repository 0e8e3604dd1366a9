// The device that has the service addresses of the groups of the fleet that this node serves.
#pragma once

#include <cstdint>
#include <vector>

#include "base/ip.h"
#include "base/result.h"
#include "base/time.h"
#include "stacks/kernel/netlink.h"

namespace warren::stacks {

inline constexpr const char* kServiceDevice = "warren0";

// One thread, in the uplink's namespace. The device is made when it is first needed: a dummy, or a bridge without a
// port where the kernel has no dummies. Addresses have a lifetime: the kernel removes one that nobody renews, whatever
// became of us. Source: rtnetlink(7), IFA_CACHEINFO.
class ServiceDevice {
  public:
    [[nodiscard]] static Result<ServiceDevice> open();

    // The address is there for `seconds` (at least 1) from now on, whether it was there before or not.
    [[nodiscard]] Status put(const IpAddress& address, std::uint32_t seconds);
    // How long the first of them to go is still there; 0: not all are there.
    [[nodiscard]] Duration left(const std::vector<IpAddress>& addresses);
    // No error when it is not there.
    [[nodiscard]] Status remove(const IpAddress& address);

  private:
    explicit ServiceDevice(NetlinkSocket socket) : socket_(std::move(socket)) {}
    [[nodiscard]] Result<std::uint32_t> find();
    [[nodiscard]] Result<std::uint32_t> find_or_make();

    NetlinkSocket socket_;
};

}  // namespace warren::stacks
