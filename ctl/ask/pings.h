// Pings from a customer's stack through its tunnels.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

#include "base/ip.h"
#include "base/result.h"
#include "ctl/ask/ping_plan.h"

namespace warren::ctl {

// Sends them, not to be fragmented, as a PingPlan says, for at most this time, and notes which are answered and which
// lost. Enters the stack in a thread of its own; needs root.
[[nodiscard]] Status ping_from(const std::string& customer, std::vector<Ping>& pings, std::chrono::milliseconds time);

// An ICMP echo request with this number, `bytes` with its IP header, which is not part of it. PURE.
[[nodiscard]] std::vector<std::uint8_t> echo_request(const IpAddress& to, std::uint16_t id, std::uint16_t number,
                                                     std::size_t bytes);

}  // namespace warren::ctl
