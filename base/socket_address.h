// Addresses as the socket calls want them.
#pragma once

#include <sys/socket.h>

#include "base/ip.h"

namespace warren::io {

// Not an IPv4 or IPv6 address: an unspecified one.
[[nodiscard]] Endpoint endpoint_of(const sockaddr_storage& address);
// Returns the size of the address in `out`.
[[nodiscard]] socklen_t fill_address(const Endpoint& endpoint, sockaddr_storage& out);

}  // namespace warren::io
