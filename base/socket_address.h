// Addresses in the form of the socket calls.
#pragma once

#include <sys/socket.h>

#include "base/ip.h"

namespace warren {

// An unspecified address when it is neither IPv4 nor IPv6.
[[nodiscard]] Endpoint endpoint_of(const sockaddr_storage& address);
// Returns the size of the address in `out`.
[[nodiscard]] socklen_t fill_address(const Endpoint& endpoint, sockaddr_storage& out);

}  // namespace warren
