// Whether a NAT is on the way (RFC 7296 §2.23).
#pragma once

#include <array>
#include <cstdint>

#include "base/ip.h"
#include "vpnd/ike/header.h"

namespace warren::ike {

using NatHash = std::array<std::uint8_t, 20>;

// SHA-1 of the SPIs as in the message's header, the address and the port: the data of NAT_DETECTION_SOURCE_IP and
// NAT_DETECTION_DESTINATION_IP.
[[nodiscard]] NatHash nat_hash(const IkeSpis& spis, const IpAddress& address, std::uint16_t port);

}  // namespace warren::ike
