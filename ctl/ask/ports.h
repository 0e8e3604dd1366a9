// Whether a port of this machine is open, and what is sent to it comes through.
#pragma once

#include <cstdint>

namespace warren::ctl {

// A UDP socket of our own network namespace has the port.
[[nodiscard]] bool is_udp_port_bound(std::uint16_t port);
// Sends a datagram of no protocol to the port at this machine's loopback address. False: it could not be sent.
[[nodiscard]] bool poke_udp_port(std::uint16_t port);

}  // namespace warren::ctl
